/** Owns a Mini CRM that is started from outside: real processes on free ports, which can be killed, frozen and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseEnv } from "node:util";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** Ends a process when the one that started it is gone, however that died. */
const LEASH = pathToFileURL(join(ROOT, "scripts/leash.mjs")).href;

/** The two ways to run: everything in one process, or backend and workers apart on one SQLite file. */
export const LAYOUTS = ["one process", "two processes"] as const;
export type Layout = (typeof LAYOUTS)[number];

export const PARTS = ["backend", "workers"] as const;
export type Part = (typeof PARTS)[number];

export type Environment = Readonly<Record<string, string>>;

/** A started process, with all that it has printed. */
export interface Started {
  process: ChildProcess;
  output(): string;
  /** Resolves with the exit code, or the signal's name. */
  exited: Promise<number | string>;
}

/** Starts an entry of the project under the Node that runs this one, with the settings `env` and no others. */
export function startEntry(entry: string, args: readonly string[], env: Environment): Started {
  const child = spawn(process.execPath, ["--import", LEASH, join(ROOT, entry), ...args], {
    cwd: ROOT,
    env: { ...unsetByFile(), PORT: "0", WORKERS_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = once(child, "close").then(([code, signal]: (number | string | null)[]) => code ?? signal ?? "unknown");
  return { process: child, output: () => output, exited };
}

/** Every setting of the project's `.env`, empty: so that the user's own data, keys and numbers stay out of it. */
function unsetByFile(): Environment {
  const file = join(ROOT, ".env");
  if (!existsSync(file)) return {};
  return Object.fromEntries(Object.keys(parseEnv(readFileSync(file, "utf8"))).map((name) => [name, ""]));
}

/** Resolves with what `pattern` captures as soon as it is printed; rejects when the process ends first. */
export async function printed(started: Started, pattern: RegExp): Promise<string> {
  const found = () => pattern.exec(started.output())?.[1];
  const ended = started.exited.then((code) => {
    throw new Error(`The process ended (${code}) before it printed ${pattern}:\n${started.output()}`);
  });
  const seen = (async () => {
    for (;;) {
      const text = found();
      if (text !== undefined) return text;
      await Promise.race([once(started.process.stdout ?? started.process, "data"), started.exited]);
      if (started.process.exitCode !== null) return ended;
    }
  })();
  return Promise.race([seen, ended]);
}

/** What a process of its own logs when it listens. */
export const LISTENS = /"msg":"(?:Backend|Workers) at (http:[^"]+)"/;

export interface System {
  readonly layout: Layout;
  /** Where each part listens since its last start. */
  readonly backendUrl: string;
  readonly workersUrl: string;
  /** The process that each part runs in; in one process, the same twice. */
  readonly processes: Readonly<Record<Part, Started>>;
  /** Every process that was ever started, in that order. */
  readonly everStarted: readonly Started[];
  /** Starts parts anew, on other ports; in one process, all of them. Whatever runs is not ended, but set aside. */
  start(parts: readonly Part[]): Promise<void>;
  /** Ends the processes of these parts with SIGKILL, in the middle of whatever they do; without parts, all that still run. */
  kill(parts?: readonly Part[]): Promise<void>;
  /** Ends everything with SIGTERM; resolves with the exit codes of the parts' processes. */
  stop(): Promise<(number | string)[]>;
}

interface Listening {
  started: Started;
  url: string;
}

export async function startSystem(layout: Layout, env: Environment): Promise<System> {
  const everStarted: Started[] = [];
  const begin = (entry: string, args: readonly string[]): Started => {
    const started = startEntry(entry, args, env);
    everStarted.push(started);
    return started;
  };
  const end = (ended: readonly Started[], signal: NodeJS.Signals) => {
    for (const { process: child } of ended) child.kill(signal);
    return Promise.all(ended.map(({ exited }) => exited));
  };

  const startTogether = async (): Promise<Record<Part, Listening>> => {
    const started = begin("cli/src/main.ts", ["start"]);
    const [backend, workers] = await Promise.all([printed(started, /API +(http:\S+)/), printed(started, /Workers +(http:\S+)/)]);
    return { backend: { started, url: backend }, workers: { started, url: workers } };
  };
  const startApart = async (part: Part): Promise<Listening> => {
    const started = begin(`${part}/src/main.ts`, []);
    return { started, url: await printed(started, LISTENS) };
  };
  const startAll = async (): Promise<Record<Part, Listening>> => {
    if (layout === "one process") return startTogether();
    const [backend, workers] = await Promise.all([startApart("backend"), startApart("workers")]);
    return { backend, workers };
  };

  const running = await startAll().catch(async (error: unknown) => {
    await end(everStarted, "SIGKILL");
    throw error;
  });
  const processesOf = (parts: readonly Part[]) => {
    return [...new Set((layout === "one process" ? PARTS : parts).map((part) => running[part].started))];
  };
  return {
    layout,
    get backendUrl() {
      return running.backend.url;
    },
    get workersUrl() {
      return running.workers.url;
    },
    get processes() {
      return { backend: running.backend.started, workers: running.workers.started };
    },
    everStarted,
    async start(parts) {
      if (layout === "one process") Object.assign(running, await startTogether());
      else await Promise.all(parts.map(async (part) => (running[part] = await startApart(part))));
    },
    async kill(parts) {
      await end(parts === undefined ? everStarted : processesOf(parts), "SIGKILL");
    },
    stop: () => end(processesOf(PARTS), "SIGTERM"),
  };
}

/** The status and parsed body of a call. */
export interface Answer<T> {
  status: number;
  body: T;
}

/** Calls an endpoint with a JSON body. */
export async function call<T = unknown>(method: string, url: string, body?: unknown): Promise<Answer<T>> {
  const init = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(url, { method, ...init });
  return { status: answer.status, body: (await answer.json()) as T };
}
