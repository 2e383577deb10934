/** Owns how what many small calls bring at the same moment is published: together, so that none waits for the writes of all. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { EventBus } from "@mini-crm/core/ports/event-bus";

/**
 * Returns how to publish with the promise of `bus.publish`, to be shared by those who call side by side: while one publish is under
 * way, the events of all who come wait for the next one, and succeed or fail with it.
 */
export function publishTogether(bus: Pick<EventBus, "publish">): EventBus["publish"] {
  let waiting: TopicEvent[] = [];
  let next: Promise<void> | null = null;
  let last: Promise<unknown> = Promise.resolve();

  const begin = (): Promise<void> => {
    const published = last.then(() => {
      const events = waiting;
      waiting = [];
      next = null;
      return bus.publish(events);
    });
    last = published.catch(() => undefined);
    return published;
  };

  return (events) => {
    waiting.push(...events);
    next ??= begin();
    return next;
  };
}
