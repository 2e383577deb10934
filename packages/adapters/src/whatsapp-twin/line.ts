/** Owns a number of the twin at work: takes its messages as Meta does, and has its webhook told what becomes of them. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { InboundText, OutgoingMessage, SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import type { SimulatorBehaviour } from "../whatsapp-simulator/behaviour.ts";
import type { Outbox } from "../whatsapp-simulator/outbox.ts";
import { type Simulator, simulatorOn } from "../whatsapp-simulator/simulator.ts";
import { correspondentsOf } from "./correspondents.ts";
import type { Fault, Faults } from "./faults.ts";
import { type Answer, graphError, refusalFor } from "./graph-error.ts";
import type { Json } from "./json.ts";
import { createJudge } from "./judge.ts";
import { createLimits } from "./limits.ts";
import type { MessageRequest } from "./message-request.ts";
import type { TwinNumber } from "./number.ts";
import { createNumberWebhook } from "./number-webhook.ts";
import type { Templates } from "./templates.ts";
import { userIdOf, waIdOf, wamidOf } from "./webhooks.ts";

const DAY_MS = 86_400_000;
/** What becomes known within so many ms is told by one webhook. */
const GAP_MS = 100;

export interface LineDeps {
  outbox: Outbox;
  clock: Clock;
  seed: number;
  behaviour: Partial<SimulatorBehaviour>;
  templates: Templates;
  faults: Faults;
}

/** What somebody writes; `hidesPhone`: WhatsApp tells only their user id. */
export interface GivenText {
  from: string;
  text: string;
  name?: string | null;
  hidesPhone?: boolean;
}

export interface Preference {
  from: string;
  value: "stop" | "resume";
}

export interface TwinLine {
  /** As it is at the moment. */
  number(): Required<TwinNumber>;
  change(changes: Partial<TwinNumber>): void;
  simulator: Simulator;
  /** Takes a message, the body of a `POST .../messages`. */
  take(body: Json): Promise<Answer>;
  receive(text: GivenText): InboundText;
  prefer(preference: Preference): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createLine(given: TwinNumber, { outbox, clock, seed, behaviour, templates, faults }: LineDeps): TwinLine {
  let own: Required<TwinNumber> = { messagesPerSecond: 80, recipientsPerDay: null, pairMs: 6_000, windowMs: DAY_MS, ...given };
  const number = () => own;
  const { phoneNumberId } = given;
  const people = correspondentsOf(outbox.database, phoneNumberId);
  const limits = createLimits(clock, number);
  for (const { phone, at } of people.writtenTo(clock.now() - DAY_MS)) limits.remember(phone, at);
  const judge = createJudge({ clock, number, limits, people, templates });

  /** What accepted messages will fail with. */
  const doomed = new WeakMap<OutgoingMessage, string>();
  const failureOf = (message: OutgoingMessage, isOnWhatsApp: boolean) =>
    isOnWhatsApp ? (doomed.get(message) ?? null) : "131026";
  const simulator = simulatorOn(outbox, { clock, seed, behaviour, line: phoneNumberId, failureOf, gapMs: GAP_MS });
  const webhook = createNumberWebhook({ simulator, outbox, number, onTexts: openWindows });

  function openWindows(texts: readonly InboundText[]): void {
    for (const { from, wish, at } of texts) if (from !== null && wish === null) people.wrote(from, at);
  }

  async function take(body: Json): Promise<Answer> {
    if (body["status"] === "read") return { kind: "json", status: 200, body: { success: true } };
    const read = judge.read(body);
    if (!read.ok) return graphError(read.refusal);
    const { message, request } = read.value;
    const fault = faults.meet({ phoneNumberId, to: message.to });
    if (fault?.outcome === "refused") return faultAnswer(fault);
    const limit = judge.limit(message);
    if (limit !== null) return graphError(limit);
    const failure = laterCode(fault) ?? judge.laterFailure(read.value);
    if (failure !== null) doomed.set(message, String(failure));
    const answer = await simulator.send(message);
    if (answer.kind === "retryable") limits.giveBackPair(message.to);
    return fault?.outcome === "leaves" ? faultAnswer(fault) : answerOf(answer, request);
  }

  return {
    number,
    change(changes) {
      own = { ...own, ...changes };
      webhook.listen();
    },
    simulator,
    take,
    receive({ from, text, name = null, hidesPhone: isHidden = false }) {
      people.wrote(from, clock.now());
      return simulator.receive({ from: isHidden ? null : from, userId: userIdOf(own.businessAccountId, from), name, text });
    },
    prefer({ from, value }) {
      people.prefer(from, value);
      const wish = value === "stop" ? "stop" : "start";
      simulator.receive({ from, userId: userIdOf(own.businessAccountId, from), text: "", wish });
    },
    start() {
      webhook.listen();
      return simulator.start();
    },
    stop() {
      webhook.end();
      return simulator.stop();
    },
  };
}

function laterCode(fault: Fault | null): number | null {
  return fault?.outcome === "later" && "code" in fault.answer ? fault.answer.code : null;
}

function faultAnswer({ answer }: Fault): Answer {
  if ("code" in answer) return graphError(refusalFor(answer.code));
  return { kind: "text", status: answer.status, text: "The server before the Cloud API has a problem" };
}

/** The simulator's answer in Meta's words. */
function answerOf(answer: SendAnswer, { input, to, content }: MessageRequest): Answer {
  switch (answer.kind) {
    case "accepted": {
      const message = {
        id: wamidOf(to, answer.providerId),
        ...(content.kind === "template" ? { message_status: "accepted" } : {}),
      };
      const contacts = [{ input, wa_id: waIdOf(to) }];
      return { kind: "json", status: 200, body: { messaging_product: "whatsapp", contacts, messages: [message] } };
    }
    case "retryable":
    case "deferred":
    case "permanent":
      return graphError({ code: Number(answer.code), details: answer.reason });
    case "session":
    case "unknown":
      return { kind: "cut" };
    default:
      return unreachable(answer);
  }
}
