/** Owns a server that tests start, kill, freeze and start again: what can be done to it, and how it runs as a process. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Child, type Environment, lastLines, startChild } from "./children.ts";

export interface Server {
  /** Ends it in order, and for good. */
  stop(): Promise<void>;
  /** Ends it at once, with SIGKILL; what it has written stays. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and data; resolves when it answers. */
  restart(): Promise<void>;
  /** Freezes it: connections stay open, and nothing is answered. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
}

/** One look at whether the server answers clients as it should; it never rejects, and takes a few seconds at most. */
export type IsReady = () => Promise<boolean>;

export interface Launch {
  command: string;
  args: readonly string[];
  environment?: Environment;
  /** The file that takes all that it prints. */
  log: string;
  isReady: IsReady;
}

const STOP_LIMIT_MS = 20_000;
const READY_LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 100;

/** Resolves when the server answers; rejects, with the last lines of its log, when it ends instead. */
export async function startProcess({ command, args, environment = {}, log, isReady }: Launch): Promise<Server> {
  const start = async (): Promise<Child> => {
    const output = openSync(log, "a");
    const child = await startChild(command, args, ["ignore", output, output], environment).finally(() => closeSync(output));
    const failure = () => (child.ended() === null ? null : `It ended (${child.ended()}).`);
    const fail = async (reason: string): Promise<never> => {
      await end(child, "SIGKILL");
      throw new Error(`${reason} Its log ends with:\n${lastLines(readFileSync(log, "utf8"))}`);
    };
    await untilReady(isReady, async () => failure()).catch((error: Error) => fail(error.message));
    return child;
  };

  let child = await start();
  return {
    stop: async () => {
      child.signal("SIGCONT");
      await end(child, "SIGTERM");
    },
    kill: () => end(child, "SIGKILL"),
    restart: async () => void (child = await start()),
    suspend: async () => child.signal("SIGSTOP"),
    resume: async () => child.signal("SIGCONT"),
  };
}

async function end(child: Child, signal: NodeJS.Signals): Promise<void> {
  child.signal(signal);
  const impatience = setTimeout(() => child.signal("SIGKILL"), STOP_LIMIT_MS);
  await child.exited;
  clearTimeout(impatience);
}

/** Looks until the server is ready; rejects when `failure` says why it never will be, or after two minutes. */
export async function untilReady(isReady: IsReady, failure: () => Promise<string | null>): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const isAnswered = await isReady();
    // Asked afterwards: where a server ends because its port is taken, it is another one that answers.
    const reason = await failure();
    if (reason !== null) throw new Error(reason);
    if (isAnswered) return;
    if (performance.now() > deadline) throw new Error(`It did not answer within ${READY_LIMIT_MS / 1000} s.`);
    await wait(LOOK_EVERY_MS);
  }
}
