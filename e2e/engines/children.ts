/** Owns child processes: none outlives this process, however this one ends. */
import { type ChildProcess, execFile, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { promisify } from "node:util";

export interface Child {
  /** Of the process, and of the group that it leads. */
  readonly pid: number;
  /** How it ended: its exit code or the signal's name; null while it runs. */
  ended(): number | string | null;
  readonly exited: Promise<unknown>;
  /** Sends a signal to the process and to those that it has started. */
  signal(name: NodeJS.Signals): void;
}

export type Environment = Readonly<Record<string, string>>;

/** Starts a command in a session of its own, where no Ctrl-C of the terminal reaches it; rejects when it cannot be started. */
export async function startChild(
  command: string,
  args: readonly string[],
  stdio: StdioOptions,
  environment: Environment = {},
): Promise<Child> {
  const child = spawn(command, args, { detached: true, stdio, env: { ...process.env, ...environment } });
  await once(child, "spawn");
  const pid = pidOf(child);
  const forget = whenGone(["kill", "-s", "KILL", "--", `-${pid}`]);
  const exited = once(child, "exit").then(forget);
  return {
    pid,
    ended: () => child.exitCode ?? child.signalCode,
    exited,
    signal(name) {
      // Nobody takes over the number of a group before its leader has been reaped, which this process does.
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, name);
    },
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("A process that was started has no number.");
  return child.pid;
}

/**
 * Carries out `command` when this process is gone: its end of the pipe closes then, and the shell that waits at the other end
 * goes on. Answers the function that calls it off.
 */
export function whenGone(command: readonly string[]): () => void {
  const watch = spawn("sh", ["-c", 'read -r _; "$@"', "sh", ...command], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  watch.unref();
  if (watch.stdin instanceof Socket) watch.stdin.unref();
  return () => void watch.kill("SIGKILL");
}

const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs a command to its end; resolves to what it printed. Rejects with its last words when it fails or takes too long. */
export async function run(
  command: string,
  args: readonly string[],
  limitMs: number,
  environment: Environment = {},
): Promise<string> {
  const env = { ...process.env, ...environment };
  const running = promisify(execFile)(command, args, { timeout: limitMs, maxBuffer: MOST_OUTPUT_BYTES, env });
  const forget = running.child.pid === undefined ? () => {} : whenGone(["kill", String(running.child.pid)]);
  try {
    return (await running).stdout.trim();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT")
      throw new Error(`${command} is not installed`, { cause });
    throw new Error(`\`${[command, ...args].join(" ")}\` ${failureOf(cause, limitMs)}`, { cause });
  } finally {
    forget();
  }
}

function failureOf(cause: unknown, limitMs: number): string {
  if (!(cause instanceof Error)) return `failed: ${String(cause)}`;
  if ("killed" in cause && cause.killed === true) return `did not end within ${limitMs / 1000} s`;
  const printed = "stderr" in cause && "stdout" in cause ? `${cause.stdout}\n${cause.stderr}` : cause.message;
  return `failed: ${lastLines(printed)}`;
}

const LAST_LINES = 8;

export function lastLines(text: string): string {
  return text.trim().split("\n").slice(-LAST_LINES).join("\n");
}
