/** Owns the way to the database: which thread carries a verb out, so that neither HTTP nor a quick look waits for bulk work. */
import { AppError } from "@mini-crm/core/app-error";
import type { Clock } from "@mini-crm/core/ports/clock";
import { Piscina } from "piscina";
import { type Answer, answerOn, type Call, valueOf } from "./answer.ts";
import { openConnection } from "./connection.ts";
import { migrate } from "./schema.ts";
import type { ThreadData } from "./thread.ts";
import { createVerbs, type Verbs } from "./verbs.ts";

/**
 * Each lane is a thread with a connection of its own. `write`: everything that changes, one after the other. `read`: what an
 * index answers at once. `scan`: what may look at every lead, such as counts.
 */
export type Lane = "write" | "read" | "scan";

export interface Database {
  call<V extends keyof Verbs>(lane: Lane, verb: V, ...args: Parameters<Verbs[V]>): Promise<ReturnType<Verbs[V]>>;
  /** Finishes what is under way, then closes the file. Further calls are refused with an `AppError`. */
  close(): Promise<void>;
}

type Thread = Piscina<Call | string, Answer>;

/** How many calls are handed to a thread ahead, so that it need not come back to ask for the next. */
const CALLS_AHEAD = 64;

/** Opens, and where needed creates, the database in `file`; rejects with an `AppError` where it cannot. */
export function openDatabase(file: string): Promise<Database> {
  return open(file, "read-write");
}

/** Opens the database in `file` as it is, also beside a process that works on it: whatever would change it fails. */
export function openDatabaseToRead(file: string): Promise<Database> {
  return open(file, "read-only");
}

async function open(file: string, access: ThreadData["access"]): Promise<Database> {
  const write = startThread({ file, access });
  try {
    await ask(write, { verb: "ping", args: [] }); // The schema stands before anybody reads.
  } catch (error) {
    await write.destroy();
    throw error;
  }
  // Readers start with their first question: many processes and most tests need only one.
  const lanes = new Map<Lane, Thread>([["write", write]]);
  const laneOf = (lane: Lane): Thread => {
    const started = lanes.get(lane) ?? startThread({ file, access: "read-only" });
    lanes.set(lane, started);
    return started;
  };
  let closing: Promise<void> | null = null;

  return {
    async call(lane, verb, ...args) {
      if (closing !== null) throw new AppError("CLOSED", "The database is closing.", { retryable: false });
      return (await ask(laneOf(lane), { verb, args })) as ReturnType<Verbs[typeof verb]>;
    },
    close() {
      closing ??= closeAll([...lanes.values()]);
      return closing;
    },
  };
}

/** The last connection to close, the writer's, tidies the write-ahead log away: it was the first to open. */
async function closeAll(lanes: Thread[]): Promise<void> {
  for (const lane of lanes.reverse()) {
    await ask(lane, { verb: "close", args: [] });
    await lane.close();
  }
}

function startThread(workerData: ThreadData): Thread {
  return new Piscina<Call | string, Answer>({
    filename: new URL("./thread.ts", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: CALLS_AHEAD,
    workerData,
  });
}

/**
 * A database in memory, on the caller's own thread: every call is carried out before it returns, with time and chance from
 * `clock`. What a simulated run stands on.
 */
export function databaseInMemory(clock: Pick<Clock, "now" | "random">): Database {
  const connection = openConnection(":memory:", "read-write");
  migrate(connection.db, clock.now());
  const verbs = createVerbs(connection, clock);
  let closed = false;
  return {
    async call(_lane, verb, ...args) {
      if (closed) throw new AppError("CLOSED", "The database is closing.", { retryable: false });
      return valueOf(answerOn(() => verbs, { verb, args })) as ReturnType<Verbs[typeof verb]>;
    },
    async close() {
      if (!closed) connection.close();
      closed = true;
    },
  };
}

/** Bytes move to the thread instead of being copied; everything else goes as JSON, at a third of a structured clone's cost. */
async function ask(thread: Thread, call: Call): Promise<unknown> {
  const bytes = call.args.flatMap((arg) => (arg instanceof Uint8Array && arg.buffer instanceof ArrayBuffer ? [arg.buffer] : []));
  const answer = bytes.length > 0 ? thread.run(call, { transferList: bytes }) : thread.run(JSON.stringify(call));
  return valueOf(await answer);
}
