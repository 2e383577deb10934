/** Owns the inbox: what comes from outside is on the disk before it is answered, and delivered later, in its order. */
import { existsSync } from "node:fs";
import type { Clock } from "@mini-crm/core/ports/clock";
import { Piscina } from "piscina";
import { type Answer, valueOf } from "../sqlite/answer.ts";
import { type Deliver, type Drain, startDrain } from "./drain.ts";
import type { InboxVerbs } from "./inbox-file.ts";
import type { InboxCall, InboxThreadData } from "./thread.ts";
import { together } from "./together.ts";

/** `Entry` is JSON, and is read as it was written, also by later versions. */
export interface Inbox<Entry> {
  /** Resolves when the entry is on the disk; rejects with an `AppError` where it cannot be, or too many wait. */
  add(entry: Entry): Promise<void>;
  /** Delivers what waits, what other processes have left as well, until it is closed. Call it once. */
  drain(deliver: Deliver<Entry>, onError: (error: unknown) => void): Drain;
  /** How many entries are not delivered yet. */
  waiting(): Promise<number>;
  /** Close the drain first. */
  close(): Promise<void>;
}

export interface InboxOptions {
  /** Several processes of one machine may share it. */
  file: string;
  clock: Clock;
  /** Different from that of everybody else on the file. */
  owner: string;
  mostWaiting?: number;
}

const MOST_WAITING = 1_000_000;

/** The file and the thread begin with the first entry: most installations never have one. */
export function openInbox<Entry>({ file, clock, owner, mostWaiting = MOST_WAITING }: InboxOptions): Inbox<Entry> {
  let thread: Piscina<InboxCall, Answer> | null = null;
  async function ask<V extends keyof InboxVerbs>(
    verb: V,
    ...args: Parameters<InboxVerbs[V]>
  ): Promise<ReturnType<InboxVerbs[V]>> {
    thread ??= startThread({ file });
    return valueOf(await thread.run({ verb, args })) as ReturnType<InboxVerbs[V]>;
  }

  const add = together<string>((bodies) => ask("add", bodies, mostWaiting));
  let draining: Drain | null = null;

  return {
    async add(entry) {
      await add(JSON.stringify(entry));
      draining?.wake();
    },
    drain(deliver, onError) {
      if (draining !== null) throw new Error("The inbox has a drain already");
      const source = { ask, mayHold: () => existsSync(file), owner, clock };
      draining = startDrain(source, deliver, onError);
      return draining;
    },
    waiting: async () => (existsSync(file) ? ask("waiting") : 0),
    async close() {
      if (thread === null) return;
      await ask("close");
      await thread.close();
    },
  };
}

function startThread(workerData: InboxThreadData): Piscina<InboxCall, Answer> {
  return new Piscina<InboxCall, Answer>({
    filename: new URL("./thread.ts", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    workerData,
  });
}
