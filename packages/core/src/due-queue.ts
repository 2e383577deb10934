/** Owns a queue ordered by time: what is due first comes out first, and equals come out in the order they went in. */
import type { Instant } from "./instant.ts";

export interface DueQueue<T> {
  push(at: Instant, item: T): void;
  /** When the first item is due; null where the queue is empty. */
  nextAt(): Instant | null;
  /** Takes out the first item where it is due at `now`. */
  takeDue(now: Instant): T | null;
  size(): number;
}

interface Entry<T> {
  at: Instant;
  order: number;
  item: T;
}

export function dueQueue<T extends object>(): DueQueue<T> {
  /** A binary heap: no entry comes before its parent, which is at half its index. */
  const heap: Entry<T>[] = [];
  let pushed = 0;

  function push(at: Instant, item: T): void {
    pushed += 1;
    const entry = { at, order: pushed, item };
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  function takeDue(now: Instant): T | null {
    const first = heap[0];
    if (first === undefined || first.at > now) return null;
    const last = heap.pop();
    if (last !== undefined && last !== first) sink(last);
    return first.item;
  }

  /** Puts `entry` where the first one was, and lets it sink below everything that comes before it. */
  function sink(entry: Entry<T>): void {
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, entry)) break;
      heap[index] = child;
      index = 2 * index + (child === right ? 2 : 1);
    }
    heap[index] = entry;
  }

  return { push, takeDue, nextAt: () => heap[0]?.at ?? null, size: () => heap.length };
}

function isBefore<T>(one: Entry<T>, other: Entry<T>): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
