/** Owns everything that can be asked of a connection, by name: the store's verbs and the log's. */
import { AppError } from "@mini-crm/core/app-error";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { idSource } from "@mini-crm/core/id";
import type { Instant } from "@mini-crm/core/instant";
import type { Step, StepName, StepResult } from "@mini-crm/core/ports/steps";
import {
  append,
  batchesOf,
  type LogBatch,
  lagOf,
  lagsOf,
  letGo,
  moveOn,
  type Position,
  type ReadBatch,
  readAll,
  readTurn,
  sweepLog,
  type Turn,
} from "../embedded-bus/log.ts";
import { activityVerbs } from "./activity.ts";
import { campaignVerbs } from "./campaigns.ts";
import { channelVerbs } from "./channels.ts";
import { checkVerbs } from "./checks.ts";
import type { Connection, Durability } from "./connection.ts";
import { contactVerbs } from "./contacts.ts";
import { directMessageVerbs } from "./direct-messages.ts";
import { inboundVerbs } from "./inbound.ts";
import { leadVerbs } from "./leads.ts";
import { messageVerbs } from "./messages.ts";
import { outboxVerbs, putInOutbox } from "./outbox.ts";
import { preflightVerbs } from "./preflight.ts";
import { processVerbs } from "./processes.ts";
import { segmentVerbs } from "./segments.ts";
import { sessionVerbs } from "./sessions.ts";
import { carryOutStep } from "./steps.ts";
import { templateVerbs } from "./templates.ts";
import { webhookDeliveryVerbs } from "./webhook-deliveries.ts";
import { webhookVerbs } from "./webhooks.ts";

/** What one transaction on store and log does: steps, events besides those that the steps raise, and a batch that is done. */
export interface Commit {
  steps: readonly Step[];
  publish: readonly LogBatch[];
  consumed: Position | null;
  now: Instant;
}

export function createVerbs(connection: Connection, chance: { now: () => number; random: () => number }) {
  const newId = idSource(chance);
  const carryOut = (steps: readonly Step[]): { results: StepResult<StepName>[]; raised: TopicEvent[] } => {
    const results: StepResult<StepName>[] = [];
    const raised: TopicEvent[] = [];
    for (const step of steps) {
      const stepped = carryOutStep(connection, step, newId);
      results.push(stepped.result);
      raised.push(...stepped.raised);
    }
    return { results, raised };
  };

  return {
    ...leadVerbs(connection, newId),
    ...segmentVerbs(connection),
    ...campaignVerbs(connection),
    ...preflightVerbs(connection),
    ...messageVerbs(connection),
    ...directMessageVerbs(connection),
    ...inboundVerbs(connection),
    ...channelVerbs(connection),
    ...sessionVerbs(connection),
    ...contactVerbs(connection),
    ...templateVerbs(connection),
    ...processVerbs(connection),
    ...activityVerbs(connection),
    ...webhookVerbs(connection),
    ...webhookDeliveryVerbs(connection),
    ...checkVerbs(connection),

    ...outboxVerbs(connection),

    /** For buses on other engines: what the steps raise lies in the outbox. */
    carryOut: (steps: readonly Step[]) =>
      connection.transaction(() => {
        const carried = carryOut(steps);
        return { ...carried, outbox_id: putInOutbox(connection, carried.raised) };
      }),

    /**
     * The one transaction of a batch: its writes, the events they raise, and its offset. Answers the topics that have news. What a
     * power cut undoes is done again by the batch, or by the end of a lease; everything else is durable when it is answered.
     */
    commit: (commit: Commit): { results: StepResult<StepName>[]; topics: string[] } =>
      connection.transaction(() => {
        if (commit.consumed !== null && !moveOn(connection, commit.consumed)) {
          throw new AppError("SUPERSEDED", "Another process has taken this batch over.", { retryable: true });
        }
        const { results, raised } = carryOut(commit.steps);
        const batches = [...batchesOf(raised), ...commit.publish];
        append(connection, batches, commit.now);
        return { results, topics: [...new Set(batches.map(({ topic }) => topic))] };
      }, durabilityOf(commit)),

    readTurn: (turn: Turn): ReadBatch[] => readTurn(connection, turn),
    letGo: (group: string, topic: string, owner: string): void => letGo(connection, group, topic, owner),
    lagOf: (topic: string, group: string): number => lagOf(connection, topic, group),
    lagsOf: (topic: string) => lagsOf(connection, topic),
    deadLetters: (topic: string, limit: number) => readAll(connection, `${topic}.dead`, limit),
    sweepLog: (before: Instant): number => sweepLog(connection, before),
    /** Changes with every commit of another process. */
    dataVersion: (): number => Number(connection.get("PRAGMA data_version")?.["data_version"]),
    ping: (): void => {
      connection.get("SELECT 1 AS one");
    },
    close: (): void => connection.close(),
  };
}

function durabilityOf({ consumed, steps, publish }: Commit): Durability {
  const isDoneAgain = consumed !== null || (publish.length === 0 && steps.every(({ step }) => ENDED_BY_LEASE.has(step)));
  return isDoneAgain ? "soon" : "now";
}

/** Without its outcome, a message that was on the wire becomes uncertain, and its receipts settle it. */
const ENDED_BY_LEASE: ReadonlySet<StepName> = new Set<StepName>(["record", "recover"]);

export type Verbs = ReturnType<typeof createVerbs>;
