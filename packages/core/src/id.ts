/** Owns the identifiers of leads, segments and campaigns: 24 hexadecimal digits that sort by time of creation. */
import type { Clock } from "./ports/clock.ts";

/** Tells whether `text` has the shape of an identifier: 24 lower-case hexadecimal digits. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{24}$/.test(text);
}

/**
 * Returns a source of identifiers: 8 digits of seconds, 10 that are the source's own, 6 that count. One source's
 * identifiers always rise within a second, and two sources never give the same one.
 */
export function idSource(clock: Pick<Clock, "now" | "random">): () => string {
  const own = hex(Math.floor(clock.random() * 2 ** 40), 10);
  let count = Math.floor(clock.random() * 2 ** 20);
  let lastSecond = 0;
  return () => {
    const second = Math.max(lastSecond, Math.floor(clock.now() / 1000));
    if (second > lastSecond) {
      lastSecond = second;
      count %= 2 ** 20;
    } else if (count + 1 >= 2 ** 24) {
      lastSecond = second + 1;
      count = 0;
    }
    count += 1;
    return hex(lastSecond, 8) + own + hex(count, 6);
  };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
