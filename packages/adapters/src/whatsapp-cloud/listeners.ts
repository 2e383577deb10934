/** Owns who hears what came by a webhook, and whether all of them did. */

export interface Listeners<T> {
  /** The returned function ends it. */
  listen(listener: (items: readonly T[]) => Promise<void>): () => void;
  /** False where somebody refused, or nobody listens: then the items must come again. */
  tell(items: readonly T[]): Promise<boolean>;
}

export function createListeners<T>(): Listeners<T> {
  const listeners = new Set<(items: readonly T[]) => Promise<void>>();
  return {
    listen(listener) {
      // Its own function, so that one listener may listen twice.
      const own = (items: readonly T[]) => listener(items);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    async tell(items) {
      if (items.length === 0) return true;
      if (listeners.size === 0) return false;
      const told = await Promise.allSettled([...listeners].map(async (listener) => listener(items)));
      return told.every(({ status }) => status === "fulfilled");
    },
  };
}
