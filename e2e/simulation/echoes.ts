/** Owns what an event bus may do to its consumers: batches that come again, and events of different keys that pass each other. */
import type { Topic } from "@mini-crm/core/event/topics";
import type { Batch, EventBus } from "@mini-crm/core/ports/event-bus";
import type { Draws } from "./draws.ts";

/** How many of a partition's last batches may come again. */
const REMEMBERED = 8;

/**
 * `bus` with every freedom that its port has: in `share` of cases a batch is handed out a second time right after it was
 * committed, or an older one before the next.
 */
export function withEchoes(bus: EventBus, draws: Draws, share: number): EventBus {
  return {
    ...bus,
    consume(consumer) {
      type Events = Batch<typeof consumer.topic>["events"];
      const past = new Map<string, Events[]>();
      const again = (events: Events, signal: AbortSignal) =>
        consumer.handler({ events, signal, commit: (steps) => bus.commit(steps) });
      return bus.consume({
        ...consumer,
        async handler({ events, signal, commit }) {
          const earlier = past.get(partitionOf(events)) ?? [];
          if (earlier.length > 0 && draws.happens(share)) await again(draws.oneOf(earlier), signal);
          const shuffled = passingEachOther(events, draws);
          await consumer.handler({ events: shuffled, signal, commit });
          if (draws.happens(share)) await again(shuffled, signal);
          past.set(partitionOf(events), [...earlier, shuffled].slice(-REMEMBERED));
        },
      });
    },
  };
}

/** Batches that begin with one key come from one partition, and so never at the same time. */
function partitionOf(events: Batch<Topic>["events"]): string {
  return events[0]?.key ?? "";
}

/** Another order of the same events, in which those of one key keep theirs. */
function passingEachOther<E extends { key: string }>(events: readonly E[], draws: Draws): E[] {
  const queues = [...Map.groupBy(events, ({ key }) => key).values()];
  const mixed: E[] = [];
  while (queues.length > 0) {
    const index = draws.between(0, queues.length - 1);
    const next = queues[index]?.shift();
    if (next === undefined) queues.splice(index, 1);
    else mixed.push(next);
  }
  return mixed;
}
