/** Owns the hub of everybody who watches: one look at the store serves all, and nobody's slowness costs the others anything. */
import type { Writable } from "node:stream";
import type { Activity } from "@mini-crm/core/activity/activity";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { ActivityStore } from "@mini-crm/core/ports/store";
import type { FastifyBaseLogger } from "fastify";
import { iso } from "./present/time.ts";

/** Where a stream begins: behind the event `seq`; `isReset` where something before that was missed. */
export interface StreamStart {
  seq: number;
  isReset: boolean;
}

export interface Live {
  /** Where a watcher goes on who has last seen event `lastSeen`; null begins with what happens from now on. */
  startOf(lastSeen: number | null): Promise<StreamStart>;
  /** Tells whether one more may watch. */
  hasRoom(): boolean;
  /** Writes what `wants` accepts to `output` as server-sent events, until it closes. */
  watch(output: Writable, start: StreamStart, wants: (activity: Activity) => boolean): void;
  /** Ends every stream. */
  close(): void;
}

interface Watcher {
  output: Writable;
  wants: (activity: Activity) => boolean;
  /** Everything up to this number has been written or is not wanted. */
  seq: number;
  /** Since when it has not taken what was written; null where it has. */
  fullSince: Instant | null;
  /** When something was written last. */
  writtenAt: Instant;
}

export const MOST_WATCHERS = 100;
const LOOK_EVERY_MS = 250;
/** The most that one watcher is given at a time, and so the most that is held for it: the rest waits in the store. */
const ACTIVITIES_PER_LOOK = 200;
const HEARTBEAT_MS = 15_000;
/** Who takes nothing for so long is closed, and comes back with its last number. */
const SLOW_AFTER_MS = 15_000;
const RECONNECT_MS = 2_000;

export function openLive(deps: { activity: ActivityStore; clock: Clock; log: FastifyBaseLogger }): Live {
  const { activity, clock, log } = deps;
  const watchers = new Set<Watcher>();
  let cancelLook: (() => void) | null = null;

  /** Gives watchers that stand at the same number what comes next; true where there may be more. */
  const serve = async (seq: number, standing: readonly Watcher[]): Promise<boolean> => {
    const next = await activity.after(seq, ACTIVITIES_PER_LOOK);
    const [first, last] = [next[0], next.at(-1)];
    if (first === undefined || last === undefined) return false;
    // Numbers have no gaps: what is missing went while nobody here could take it.
    const missed = first.seq > seq + 1 ? resetAt(first.seq - 1, clock.now()) : "";
    for (const watcher of standing.filter((each) => watchers.has(each))) {
      watcher.seq = last.seq;
      const text = missed + next.filter(watcher.wants).map(eventOf).join("");
      if (text !== "") write(watcher, text, clock.now());
    }
    return next.length === ACTIVITIES_PER_LOOK;
  };

  const look = async (): Promise<void> => {
    let isMore = false;
    try {
      const ready = [...watchers].filter(({ fullSince }) => fullSince === null);
      for (const [seq, standing] of Map.groupBy(ready, (watcher) => watcher.seq)) {
        if (await serve(seq, standing)) isMore = true;
      }
    } catch (error) {
      log.warn({ err: error }, "Those who watch cannot be told what happens at the moment");
    }
    tend(watchers, clock.now());
    if (watchers.size === 0) cancelLook = null;
    else lookIn(isMore ? 0 : LOOK_EVERY_MS);
  };
  const lookIn = (delayMs: number): void => {
    cancelLook = clock.schedule(delayMs, () => void look());
  };

  return {
    async startOf(lastSeen) {
      const { oldest, latest } = await activity.range();
      const isKept = lastSeen !== null && lastSeen <= latest && lastSeen + 1 >= oldest;
      return isKept ? { seq: lastSeen, isReset: false } : { seq: latest, isReset: lastSeen !== null };
    },

    hasRoom: () => watchers.size < MOST_WATCHERS,

    watch(output, { seq, isReset }, wants) {
      if (output.destroyed) return; // Gone before it began.
      const watcher: Watcher = { output, wants, seq, fullSince: null, writtenAt: clock.now() };
      watchers.add(watcher);
      output.on("drain", () => {
        watcher.fullSince = null;
      });
      // A stream ends by the other side going away, which some networks tell as an error.
      for (const event of ["close", "error"]) output.on(event, () => watchers.delete(watcher));
      const reset = isReset ? resetAt(seq, clock.now()) : "";
      write(watcher, `retry: ${RECONNECT_MS}\nid: ${seq}\n\n${reset}`, clock.now());
      if (cancelLook === null) lookIn(0);
    },

    close() {
      cancelLook?.();
      cancelLook = null;
      for (const { output, fullSince } of watchers) {
        if (fullSince === null) output.end();
        else output.destroy();
      }
      watchers.clear();
    },
  };
}

function write(watcher: Watcher, text: string, now: Instant): void {
  watcher.writtenAt = now;
  if (!watcher.output.write(text)) watcher.fullSince ??= now;
}

/** Closes who is too slow, and keeps the others' connections and last numbers fresh. */
function tend(watchers: Iterable<Watcher>, now: Instant): void {
  for (const watcher of watchers) {
    if (watcher.fullSince !== null) {
      if (now - watcher.fullSince >= SLOW_AFTER_MS) watcher.output.destroy();
    } else if (now - watcher.writtenAt >= HEARTBEAT_MS) {
      write(watcher, `: still here\nid: ${watcher.seq}\n\n`, now);
    }
  }
}

/** Says that something up to number `seq` was missed, and is not to be had any more. */
function resetAt(seq: number, at: Instant): string {
  return `id: ${seq}\nevent: reset\ndata: ${JSON.stringify({ at: iso(at), subject: null })}\n\n`;
}

function eventOf({ seq, kind, at, subject, data }: Activity): string {
  return `id: ${seq}\nevent: ${kind}\ndata: ${JSON.stringify({ at: iso(at), subject, ...data })}\n\n`;
}
