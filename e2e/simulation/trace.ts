/** Owns the trace of a simulated run: every effect in one line, the last of which are kept, and a hash of them all. */
import { hashOf } from "@mini-crm/core/chance";
import type { Clock } from "@mini-crm/core/ports/clock";

export interface Trace {
  /** Notes that `who` did `what`. The details are made into text when somebody asks for it, so they must not change. */
  note(who: string, what: string, ...details: unknown[]): void;
  /** The last lines, oldest first: so many, and before them those that speak of what `about` speaks of. */
  lines(most: number, about: string): string[];
  /** Stands for everything that was noted; null where the trace keeps no hash. */
  hash(): string | null;
}

interface Entry {
  at: number;
  who: string;
  what: string;
  details: readonly unknown[];
}

const KEPT_LINES = 10_000;
const DETAIL_CHARS = 300;
/** An identifier's last six digits tell it from the others of a run. */
const ID = /[0-9a-f]{18}([0-9a-f]{6})/g;

/** With `hashed` every line is made at once and hashed, which takes about as long as the run itself. */
export function createTrace(clock: Pick<Clock, "now">, options: { hashed: boolean }): Trace {
  const kept: Entry[] = [];
  const start = clock.now();
  let noted = 0;
  let hash: readonly [number, number] = [0, 0];

  return {
    note(who, what, ...details) {
      const entry = { at: clock.now() - start, who, what, details };
      kept[noted % KEPT_LINES] = entry;
      noted += 1;
      if (options.hashed) hash = hashOf(hash[0] ^ hash[1], lineOf(entry));
    },
    lines(most, about) {
      const oldest = noted > KEPT_LINES ? noted % KEPT_LINES : 0;
      const lines = [...kept.slice(oldest), ...kept.slice(0, oldest)].map(lineOf);
      const ids = [...about.matchAll(ID)].map(([, end]) => end ?? "");
      const isAbout = (line: string) => ids.length > 0 && ids.every((id) => line.includes(id));
      return [...lines.slice(0, -most).filter(isAbout), ...lines.slice(-most)];
    },
    hash: () => (options.hashed ? hash.map((half) => half.toString(16).padStart(8, "0")).join("") : null),
  };
}

/** `   12.345 s  w2  admitMessages {...} -> {...}` */
function lineOf({ at, who, what, details }: Entry): string {
  const time = (at / 1000).toFixed(3).padStart(10);
  return `${time} s  ${who.padEnd(8)} ${what} ${details.map(short).join(" -> ")}`.trimEnd();
}

function short(detail: unknown): string {
  const whole = typeof detail === "string" ? detail : (JSON.stringify(detail) ?? "nothing");
  const text = whole.replaceAll(ID, "…$1");
  return text.length > DETAIL_CHARS ? `${text.slice(0, DETAIL_CHARS)}…` : text;
}
