/** Owns a consumer's membership in its group: joining, staying, and joining again whatever happens. */
import { Consumer } from "@platformatic/kafka";
import { type Backoff, waitMs } from "../event-bus/delivery.ts";
import type { Cluster } from "./cluster.ts";

export interface MembershipOptions {
  cluster: Cluster;
  topic: string;
  group: string;
  backoff: Backoff;
  /**
   * Hears which partitions are this member's from now on. `continues` is false where it may have been out of the group meanwhile:
   * then others may have gone on with what it held.
   */
  onAssigned: (partitions: readonly number[], continues: boolean) => void;
  onError: (error: unknown) => void;
}

export interface Membership {
  consumer: Consumer;
  /** Looks anew at how many partitions there are, and shares them out. */
  shareAnew(): void;
  /** Leaves the group, so that others need not wait. */
  close(): Promise<void>;
}

/** A member that is silent for so long is out of its group, and hears of another's coming and going within a heartbeat. */
const SESSION_TIMEOUT_MS = 8_000;
const HEARTBEAT_EVERY_MS = 2_000;
/** How long the group waits for members that are to join again; the answer to that comes only then. */
const REBALANCE_TIMEOUT_MS = 10_000;
const JOIN_TIMEOUT_MS = 30_000;
const LEAVE_TIMEOUT_MS = 2_000;

export function startMembership(options: MembershipOptions): Membership {
  const { cluster, topic, group, backoff, onAssigned, onError } = options;
  const { clock } = cluster;
  const closing = new AbortController();
  // Without retries of its own: the client's way to retry a commit is to join again first, and would then commit for partitions
  // that have become somebody else's.
  const consumer = new Consumer({
    ...cluster.client,
    requestTimeout: REBALANCE_TIMEOUT_MS + 5_000,
    groupId: group,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_EVERY_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    autocommit: false,
  });
  consumer.topics.track(topic);
  let last = { memberId: "", generationId: -1 };
  let joining: Promise<void> | null = null;

  consumer.on("consumer:group:join", ({ memberId, generationId = -1, assignments }) => {
    const rounds = generationId - last.generationId;
    const continues = memberId === last.memberId && (rounds === 0 || rounds === 1);
    last = { memberId, generationId };
    onAssigned(assignments?.find((assigned) => assigned.topic === topic)?.partitions ?? [], continues);
  });
  const join = (): void => {
    joining ??= keepJoining().finally(() => {
      joining = null;
    });
  };
  const keepJoining = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      try {
        await cluster.answer(`joining the group ${group}`, JOIN_TIMEOUT_MS, () => consumer.joinGroup({}));
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        onError(error);
        await clock.sleep(waitMs(backoff, failures), closing.signal);
      }
    }
  };
  // The client joins again by itself, once; where that fails, it says so here and does nothing more.
  consumer.on("error", (error: unknown) => {
    if (closing.signal.aborted) return;
    onError(error);
    join();
  });
  consumer.on("consumer:heartbeat:stalled", join);
  join();

  return {
    consumer,
    shareAnew: join,
    async close() {
      closing.abort();
      await cluster.answer(`leaving the group ${group}`, LEAVE_TIMEOUT_MS, () => consumer.close(true)).catch(onError);
    },
  };
}
