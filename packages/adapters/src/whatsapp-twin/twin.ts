/** Owns the twin of Meta's Cloud API: a local server that takes, refuses and reports messages as Meta does. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import { DEFAULT_BEHAVIOUR, type SimulatorBehaviour } from "../whatsapp-simulator/behaviour.ts";
import { type Outbox, openOutbox } from "../whatsapp-simulator/outbox.ts";
import type { SimulatorControls } from "../whatsapp-simulator/simulator.ts";
import { createControlRoutes } from "./control-routes.ts";
import { createFaults, type FaultOutcome, type FaultScope } from "./faults.ts";
import { createGraph } from "./graph-routes.ts";
import { createLine, type GivenText, type Preference, type TwinLine } from "./line.ts";
import type { TwinNumber } from "./number.ts";
import { listen, type TwinRequest } from "./server.ts";
import { createTemplateNews } from "./template-news.ts";
import { createTemplates, type TwinTemplate } from "./templates.ts";
import { verifyWebhook } from "./webhooks.ts";

export type { FaultOutcome, FaultScope, TwinNumber, TwinTemplate };

export interface TwinOptions {
  /** The outbox's SQLite file, the witness of what left; `:memory:` for one that ends with the twin. */
  file: string;
  clock: Clock;
  /** What happens to a message is drawn from this and its `biz_opaque_callback_data`. */
  seed: number;
  /** What differs from `DEFAULT_BEHAVIOUR`. */
  behaviour?: Partial<SimulatorBehaviour>;
  /** 0, the default: a free one. */
  port?: number;
  numbers: readonly TwinNumber[];
  templates?: readonly TwinTemplate[];
  /** From a template's creation to its approval; 2,000 by default. */
  reviewMs?: number;
}

export interface Twin {
  /** Where it listens, without a slash at the end: the Cloud API's base URL. */
  url: string;
  /** Of all numbers together; what `receive` writes goes to the first one. */
  controls: SimulatorControls;
  /** Changes the one with this identifier, where there is one. */
  addNumber(number: TwinNumber): Promise<void>;
  /** Throws where there is no such number. */
  changeNumber(phoneNumberId: string, changes: Partial<Omit<TwinNumber, "phoneNumberId">>): void;
  /** Asks the number's webhook for the challenge, as Meta does when its address is set. */
  verifyWebhook(phoneNumberId: string): Promise<{ ok: true } | { ok: false; reason: string }>;
  /** Somebody writes to the number. */
  receive(phoneNumberId: string, text: GivenText): InboundText;
  /** Somebody stops, or resumes, the number's marketing messages by WhatsApp's own setting. */
  prefer(phoneNumberId: string, preference: Preference): void;
  /** Messages are answered by this error code of Meta's; the returned function ends that. */
  failWith(code: number, scope?: FaultScope & { outcome?: FaultOutcome }): () => void;
  /**
   * Messages are answered by a bare HTTP error, as of a server before Meta's; the returned function ends that. That nobody
   * answers at all is `controls.behave({ unreachable: true })`, that answers are slow `{ latency }`, or never come `{ hangShare }`.
   */
  outage(status: 500 | 502 | 503 | 504, scope?: FaultScope & { outcome?: "refused" | "leaves" }): () => void;
  /** Ends what `failWith` and `outage` began. */
  endFaults(): void;
  /** Replaces the one of the same name, language and account. */
  addTemplate(template: TwinTemplate): void;
  /** Changes a template's status, such as to `PAUSED`, and tells the webhooks; false where there is none of that name. */
  setTemplateStatus(name: string, language: string, status: string): boolean;
  close(): Promise<void>;
}

/** Starts it; rejects where the port is taken. Nothing of it is reachable from other machines. */
export async function createTwin(options: TwinOptions): Promise<Twin> {
  const { clock, seed, port = 0, reviewMs = 2_000 } = options;
  const outbox = openOutbox(options.file);
  const lines = new Map<string, TwinLine>();
  const controls = controlsOf(outbox, clock, lines, { ...DEFAULT_BEHAVIOUR, ...options.behaviour });
  const faults = createFaults(clock);
  const templates = createTemplates();
  for (const template of options.templates ?? []) templates.put(template);
  const { setStatus, end: endNews } = createTemplateNews(clock, templates, lines);

  function lineOf(phoneNumberId: string): TwinLine {
    const line = lines.get(phoneNumberId);
    if (line === undefined) throw new Error(`The twin has no number ${phoneNumberId}`);
    return line;
  }

  async function addNumber(number: TwinNumber): Promise<void> {
    const known = lines.get(number.phoneNumberId);
    if (known !== undefined) return known.change(number);
    const line = createLine(number, { outbox, clock, seed, behaviour: controls.behaviour(), templates, faults });
    lines.set(number.phoneNumberId, line);
    await line.start();
  }

  const verify = (phoneNumberId: string) =>
    verifyWebhook(lineOf(phoneNumberId).number(), String(Math.floor(clock.random() * 1e9)));
  const approve = (name: string, language: string) => clock.schedule(reviewMs, () => setStatus(name, language, "APPROVED"));
  const graph = createGraph({ lines, templates, onCreated: ({ name, language }) => void approve(name, language) });
  const own = createControlRoutes({ lines, faults, templates, controls, addNumber, verifyWebhook: verify, setStatus });
  const isOwn = (path: string) => path === "/twin" || path.startsWith("/twin/");
  for (const number of options.numbers) await addNumber(number);
  const isCut = (path: string) => !isOwn(path) && isUnreachable(lines, path);
  const answer = async (request: TwinRequest) => (isOwn(request.path) ? own(request) : graph(request));
  const end = async () => {
    endNews();
    await Promise.all([...lines.values()].map((line) => line.stop()));
    outbox.close();
  };
  const server = await listen(port, isCut, answer).catch(async (error: unknown) => {
    await end();
    throw error;
  });

  return {
    url: server.url,
    controls,
    addNumber,
    changeNumber: (phoneNumberId, changes) => lineOf(phoneNumberId).change(changes),
    verifyWebhook: verify,
    receive: (phoneNumberId, text) => lineOf(phoneNumberId).receive(text),
    prefer: (phoneNumberId, preference) => lineOf(phoneNumberId).prefer(preference),
    failWith: (code, { outcome = "refused", ...scope } = {}) => faults.add({ ...scope, outcome, answer: { code } }),
    outage: (status, { outcome = "refused", ...scope } = {}) => faults.add({ ...scope, outcome, answer: { status } }),
    endFaults: faults.endAll,
    addTemplate: (template) => void templates.put(template),
    setTemplateStatus: setStatus,
    async close() {
      await server.close();
      await end();
    },
  };
}

/** The simulators' switches, of all numbers at once: those that are there, and those that come. */
function controlsOf(
  outbox: Outbox,
  clock: Clock,
  lines: ReadonlyMap<string, TwinLine>,
  behaviour: SimulatorBehaviour,
): SimulatorControls {
  let current = behaviour;
  return {
    behaviour: () => current,
    behave(changes) {
      current = { ...current, ...changes };
      for (const { simulator } of lines.values()) simulator.behave(changes);
    },
    receive({ from, text, name = null }) {
      const [first] = lines.values();
      if (first === undefined || from === null) throw new Error("Only somebody with a number writes, and only to a number");
      return first.receive({ from, text, name });
    },
    outbox: (request) => outbox.page(request, clock.now()),
    sentMoreThanOnce: outbox.sentMoreThanOnce,
  };
}

/** Whether the number that a path names is unreachable; where it names none, whether all are. */
function isUnreachable(lines: ReadonlyMap<string, TwinLine>, path: string): boolean {
  const named = path.split("/").flatMap((part) => lines.get(part) ?? []);
  const meant = named.length > 0 ? named : [...lines.values()];
  return meant.length > 0 && meant.every(({ simulator }) => simulator.behaviour().unreachable);
}
