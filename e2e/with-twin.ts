/** Owns a product that was started with its twin of the Cloud API, as tests use it: its API, the people beyond it, what left. */
import type { CampaignBody } from "@mini-crm/wire/campaign";
import { expect } from "vitest";
import { type Person, productOver } from "./product.ts";
import { type Answer, call, type Environment, eventually, printed, type Started, startEntry } from "./system.ts";

/** Fast, and with everything in the log. */
export const QUICK: Environment = {
  ...{ LOG_LEVEL: "debug", MESSAGES_PER_MINUTE: "0", TWIN_PORT: "0" },
  ...{ SIMULATOR_LATENCY_MS: "0-5", SIMULATOR_DELIVERED_AFTER_MS: "10-50", SIMULATOR_READ_AFTER_MS: "20-100" },
};

export const HELLO: Pick<CampaignBody, "template"> = {
  template: { name: "hello", language: "en_US", parameters: [{ value: "{{name}}" }] },
};

interface Sent {
  message_id: string;
  to: string;
  text: string;
  line: string;
}

export type WithTwin = Awaited<ReturnType<typeof startWithTwin>>;

/** Starts everything in one process, with the settings `env` besides `QUICK`. */
export async function startWithTwin(env: Environment) {
  const started = startEntry("cli/src/main.ts", ["start", "--whatsapp", "twin"], { ...QUICK, ...env });
  const [backendUrl, workersUrl, twinUrl] = await Promise.all([
    printed(started, /API +(http:\S+)/),
    printed(started, /Workers +(http:\S+)/),
    printed(started, /Cloud API at (http:[^\s,]+)/),
  ]);
  /** Every answer of the product, as text. */
  const answers: string[] = [];

  async function asked<T>(method: string, url: string, body?: unknown): Promise<Answer<T>> {
    const answer = await call<T>(method, url, body);
    answers.push(JSON.stringify(answer.body));
    return answer;
  }

  /** Calls the backend under /api/v1. */
  const api = <T = unknown>(method: string, path: string, body?: unknown) =>
    asked<T>(method, `${backendUrl}/api/v1${path}`, body);

  /** As `api`, and answers the `data`; rejects where it was refused. */
  async function get<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    const answer = await api<{ data: T }>(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body.data;
  }

  async function twin<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await call<{ data: T }>(method, `${twinUrl}/twin${path}`, body);
    if (answer.status >= 300) throw new Error(`The twin answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body.data;
  }

  const product = productOver(get);
  return {
    ...product,
    ...{ started, backendUrl, workersUrl, twinUrl, answers, api, twin },
    /** Creates a campaign to a group, which may be sent to whoever has not written, and runs it. */
    send: (group: string, besides: Partial<CampaignBody> = HELLO) => product.send(group, besides),
    whatsapp: async () => (await asked<Shown>("GET", `${workersUrl}/whatsapp`)).body,
    /** What really left to somebody. */
    leftTo: async ({ phone }: Pick<Person, "phone">) =>
      (await twin<{ messages: Sent[] }>("GET", `/outbox?to=${encodeURIComponent(phone)}`)).messages,
    sentMoreThanOnce: async () => (await twin<{ sent_more_than_once: number }>("GET", "/outbox")).sent_more_than_once,
    /** Somebody writes to the first number. */
    write: (from: string, text: string, name?: string) =>
      twin("POST", "/texts", { from, text, ...(name === undefined ? {} : { name }) }),
    /** Answers by errors on demand from now on; none ends it. */
    fail: (...faults: object[]) => twin("PATCH", "", { faults }),
    /** Resolves when the lead may be answered freely. */
    untilWindowIsOpen: ({ _id }: Pick<Person, "_id">) =>
      eventually(async () => {
        const { windows } = await get<{ windows: { open_until: string | null }[] }>(`/leads/${_id}/timeline`);
        expect(windows).toContainEqual(expect.objectContaining({ open_until: expect.any(String) }));
      }),
    stop: () => stopped(started),
  };
}

interface ShownChannel {
  id: string;
  connected: boolean;
  whatsapp: { reason: string | null };
  circuitBreaker: { state: string; until?: string };
}
interface Shown {
  connected: boolean;
  channels: ShownChannel[];
}

/** Asks a process to stop; answers its exit code. */
export function stopped(started: Started): Promise<number | string> {
  started.process.kill("SIGTERM");
  return started.exited;
}
