/** Owns a running consumer on Kafka: a member of its group that fetches and handles the partitions which are its own. */
import type { Topic } from "@mini-crm/core/event/topics";
import type { Consumer, Consumption } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import { Consumer as Client } from "@platformatic/kafka";
import type { Backoff, DeadTopicEvent } from "../event-bus/delivery.ts";
import type { Cluster } from "./cluster.ts";
import { startFetching } from "./fetching.ts";
import { holdPartitions } from "./held-partitions.ts";
import { startMembership } from "./membership.ts";
import { startOffsetCommits } from "./offsets.ts";

/** What a consumption stands on. */
export interface Surroundings {
  cluster: Cluster;
  /** The topic's and the group's names on the cluster. */
  topic: string;
  group: string;
  backoff: Backoff;
  commit: <const S extends readonly Step[]>(steps: S, dead: readonly DeadTopicEvent[]) => Promise<StepResults<S>>;
}

export function startConsumption<T extends Topic>(consumer: Consumer<T>, around: Surroundings): Consumption {
  const { onError } = consumer;
  let partitionsShared = 0;

  const membership = startMembership({
    ...around,
    onError,
    onAssigned: (partitions, continues) => held.assign(partitions, continues),
  });
  // A client of its own: a broker answers a connection's questions one after the other, a fetch would hold up heartbeats, and
  // joining the group would hold up fetches.
  const reader = new Client({ ...around.cluster.client, groupId: around.group });
  reader.topics.track(around.topic);
  const offsets = startOffsetCommits({ ...around, consumer: membership.consumer, onError });
  const held = holdPartitions({ ...around, consumer, reader, offsets, onRoom: () => fetching.wake() });
  const fetching = startFetching({
    ...around,
    reader,
    onError,
    held: held.all,
    onPartitions(count) {
      if (partitionsShared !== 0 && count !== partitionsShared) membership.shareAnew();
      partitionsShared = count;
    },
  });

  let closed: Promise<void> | null = null;
  return {
    close() {
      // In this order: what is in hand ends, what it did is committed, and only then others take over.
      closed ??= (async () => {
        await held.close();
        await fetching.close();
        await offsets.close();
        await membership.close();
      })();
      return closed;
    },
  };
}
