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

/**
 * The ways to run: everything in one process, backend and workers apart, or two backends and three workers that share the load.
 * The first two are what everybody has on one SQLite file.
 */
export const LAYOUTS = ["one process", "two processes"] as const;
export const SEVERAL = "several processes";
export type Layout = (typeof LAYOUTS)[number] | typeof SEVERAL;

export type Part = "backend" | "second backend" | "workers" | "second workers" | "third workers";
const TWO = ["backend", "workers"] as const satisfies readonly Part[];

/** What there is of each layout; in one process, its parts are the same one. */
export const PARTS: Readonly<Record<Layout, readonly Part[]>> = {
  "one process": TWO,
  "two processes": TWO,
  "several processes": ["backend", "second backend", "workers", "second workers", "third workers"],
};

export function isWorkers(part: Part): boolean {
  return part.endsWith("workers");
}

/** What sources were compiled to, for the next process that starts. */
const COMPILED: Environment = { NODE_COMPILE_CACHE: join(ROOT, "node_modules/.cache/node") };

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
    env: { ...COMPILED, ...unsetByFile(), PORT: "0", WORKERS_PORT: "0", ...env },
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
      if (started.process.exitCode !== null || started.process.signalCode !== null) return ended;
    }
  })();
  return Promise.race([seen, ended]);
}

/** What a process of its own logs when it listens. */
export const LISTENS = /"msg":"(?:Backend|Workers) at (http:[^"]+)"/;

export interface System {
  readonly layout: Layout;
  /** Where a backend listens; of several that run, each in its turn, as a load balancer would have it. */
  readonly backendUrl: string;
  readonly workersUrl: string;
  /** Where each of the workers that run listens. */
  readonly workersUrls: readonly string[];
  /** The process that each part runs in; in one process, always the same. */
  readonly processes: Readonly<Partial<Record<Part, Started>>>;
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
  const running = new Map<Part, Listening>();
  let turn = 0;
  const begin = (entry: string, args: readonly string[]): Started => {
    const started = startEntry(entry, args, env);
    everStarted.push(started);
    return started;
  };
  const end = (ended: readonly Started[], signal: NodeJS.Signals) => {
    for (const { process: child } of ended) child.kill(signal);
    return Promise.all(ended.map(({ exited }) => exited));
  };

  const startTogether = async (): Promise<void> => {
    const started = begin("cli/src/main.ts", ["start"]);
    const [backend, workers] = await Promise.all([printed(started, /API +(http:\S+)/), printed(started, /Workers +(http:\S+)/)]);
    running.set("backend", { started, url: backend }).set("workers", { started, url: workers });
  };
  const startApart = async (part: Part): Promise<void> => {
    const started = begin(`${isWorkers(part) ? "workers" : "backend"}/src/main.ts`, []);
    running.set(part, { started, url: await printed(started, LISTENS) });
  };
  const start = async (parts: readonly Part[]): Promise<void> => {
    await (layout === "one process" ? startTogether() : Promise.all(parts.map(startApart)));
  };
  const processesOf = (parts: readonly Part[]): Started[] => {
    const own = (layout === "one process" ? TWO : parts).map((part) => running.get(part)?.started);
    return [...new Set(own.filter((started) => started !== undefined))];
  };
  /** Those that run; where none does, those that did, so that whoever asks is refused. */
  const urlsOf = (isOne: (part: Part) => boolean): string[] => {
    const ever = [...running].filter(([part]) => isOne(part)).map(([, listening]) => listening);
    const alive = ever.filter(({ started }) => started.process.exitCode === null && !started.process.killed);
    return (alive.length > 0 ? alive : ever).map(({ url }) => url);
  };
  const workersUrls = () => urlsOf(isWorkers);
  const inTurn = (urls: readonly string[]): string => urls[turn++ % urls.length] ?? "";

  await start(PARTS[layout]).catch(async (error: unknown) => {
    await end(everStarted, "SIGKILL");
    throw error;
  });
  return {
    layout,
    get backendUrl() {
      return inTurn(urlsOf((part) => !isWorkers(part)));
    },
    get workersUrl() {
      return inTurn(workersUrls());
    },
    get workersUrls() {
      return workersUrls();
    },
    get processes() {
      return Object.fromEntries([...running].map(([part, { started }]) => [part, started]));
    },
    everStarted,
    start,
    async kill(parts) {
      await end(parts === undefined ? everStarted : processesOf(parts), "SIGKILL");
    },
    stop: () => end(processesOf(PARTS[layout]), "SIGTERM"),
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
