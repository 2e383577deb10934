/** Owns how what many small calls bring at the same moment is written: together, so that none waits for the writes of all. */

/**
 * Returns how to write one item with the promise of `write`, to be shared by those who call side by side: while one write is under
 * way, all who come wait for the next one, and succeed or fail with it.
 */
export function together<Item>(write: (items: readonly Item[]) => Promise<void>): (item: Item) => Promise<void> {
  let waiting: Item[] = [];
  let next: Promise<void> | null = null;
  let last: Promise<unknown> = Promise.resolve();

  const begin = (): Promise<void> => {
    const written = last.then(() => {
      const items = waiting;
      waiting = [];
      next = null;
      return write(items);
    });
    last = written.catch(() => undefined);
    return written;
  };

  return (item) => {
    waiting.push(item);
    next ??= begin();
    return next;
  };
}
