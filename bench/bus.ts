/** Owns the benchmark of the embedded bus: what a producer and three stages cost beside the rows that the stages write. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { openConnection } from "@mini-crm/adapters/sqlite/connection";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { migrate } from "@mini-crm/adapters/sqlite/schema";
import { carryOutStep } from "@mini-crm/adapters/sqlite/steps";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { newId } from "@mini-crm/core/contracts/samples";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { messageId, parseMessageId } from "@mini-crm/core/message/message";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Step } from "@mini-crm/core/ports/steps";
import { type Benchmark, demand, leadsFor, median, perSecond, timed, until } from "./measure.ts";

const ROUNDS = 3;
const EVENTS_PER_BATCH = 2_000;
const NOW = Date.UTC(2025, 8, 15);
const WORKER = "bench";

/**
 * Three stages, each with rows of its own, so that the writes are the same in whatever order the stages come. The first raises
 * an event for every row that it writes, and the two others each handle all of those.
 */
const STAGES = {
  send: { campaign: "a".repeat(24), from: "SENDING" },
  deliver: { campaign: "b".repeat(24), from: "SENT" },
  archive: { campaign: "c".repeat(24), from: "SENT" },
} as const;

export const busBenchmark: Benchmark = {
  name: "bus",
  async run(setup) {
    const leads = leadsFor(setup, { full: 200_000, smoke: 4_000 });
    const prepared = join(setup.folder, "bus-prepared.db");
    prepare(prepared, leads);
    const rates: Record<"bus" | "writes", number[]> = { bus: [], writes: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [side, run] of [["bus", throughBus] as const, ["writes", writesAlone] as const]) {
        const file = join(setup.folder, `bus-${side}-${round}.db`);
        await copyFile(prepared, file);
        rates[side].push(perSecond(leads, await run(file, leads)));
        demandAllWritten(file, leads);
      }
    }
    const limit = { what: "the stages' writes alone, on one connection", value: median(rates.writes) };
    const what = "Embedded bus, one producer and three stages";
    return [{ what, unit: "events/s", figure: median(rates.bus), limit, budget: { of: "ratio", atLeast: 0.6 } }];
  },
};

function leadIdOf(index: number): string {
  return index.toString(16).padStart(24, "0");
}

function prepare(file: string, leads: number): void {
  const connection = openConnection(file, "read-write");
  migrate(connection.db, Date.now());
  const insert = connection.db.prepare(
    "INSERT INTO message (campaign_id, lead_id, status, phone, attempt, worker, created_at) VALUES (?, ?, ?, '+14155550123', 1, ?, ?)",
  );
  connection.transaction(() => {
    for (const { campaign, from } of Object.values(STAGES)) {
      connection.run("INSERT INTO message_window (campaign_id, after) VALUES (?, '')", campaign);
      for (let index = 0; index < leads; index += 1) insert.run(campaign, leadIdOf(index), from, WORKER, NOW);
    }
  });
  connection.close();
}

/** What the first stage writes of a batch. */
function sendStep(leadIds: readonly string[]): Step<"record"> {
  const outcomes = leadIds.map((leadId) => ({
    message_id: messageId(STAGES.send.campaign, leadId),
    attempt: 1,
    outcome: { kind: "sent", providerId: `3EB0${leadId}` } as const,
  }));
  return { step: "record", input: { worker: WORKER, outcomes, now: NOW } };
}

/** What the second and the third stage write of a batch. */
function receiptStep(stage: "deliver" | "archive", leadIds: readonly string[]): Step<"fold"> {
  const events = leadIds.map((leadId) => ({
    version: 1 as const,
    message_id: messageId(STAGES[stage].campaign, leadId),
    source: "receipt" as const,
    status: "DELIVERED" as const,
    at: NOW,
    code: null,
    reason: null,
  }));
  return { step: "fold", input: { receipts: events, campaigns: [], now: NOW, receiptWindowMs: 0 } };
}

async function throughBus(file: string, leads: number): Promise<number> {
  const database = await openDatabase(file);
  const bus = embeddedBus({ database, clock: systemClock(), owner: "bench" });
  const handled = startStages(bus);
  const tookMs = await timed(async () => {
    for (const leadIds of batchesOf(leads)) await bus.publish(leadIds.map(jobEvent));
    await until(
      () => Object.values(handled).every((events) => events === leads),
      () => handled,
    );
  });
  await bus.close();
  await database.close();
  return tookMs;
}

function jobEvent(leadId: string): TopicEvent {
  return { topic: "campaign.jobs", key: leadId, value: { version: 1, campaign_id: STAGES.send.campaign, after: leadId } };
}

/** Answers how many events each stage has handled, as they go. */
function startStages(bus: EventBus): Record<keyof typeof STAGES, number> {
  const handled = { send: 0, deliver: 0, archive: 0 };
  const onError = (error: unknown): never => {
    throw error;
  };
  bus.consume({
    topic: "campaign.jobs",
    group: "send",
    batchSize: EVENTS_PER_BATCH,
    onError,
    async handler({ events, commit }) {
      await commit([sendStep(events.map(({ value }) => value.after ?? ""))]);
      handled.send += events.length;
    },
  });
  for (const stage of ["deliver", "archive"] as const) {
    bus.consume({
      topic: "message.statuses",
      group: stage,
      batchSize: EVENTS_PER_BATCH,
      onError,
      async handler({ events, commit }) {
        await commit([
          receiptStep(
            stage,
            events.map(({ key }) => parseMessageId(key)?.leadId ?? ""),
          ),
        ]);
        handled[stage] += events.length;
      },
    });
  }
  return handled;
}

/** The same writes in the same transactions, as durable as the bus makes them. */
async function writesAlone(file: string, leads: number): Promise<number> {
  const connection = openConnection(file, "read-write");
  const tookMs = await timed(() => {
    for (const leadIds of batchesOf(leads)) {
      for (const step of [sendStep(leadIds), receiptStep("deliver", leadIds), receiptStep("archive", leadIds)]) {
        connection.transaction(() => carryOutStep(connection, step, newId), "soon");
      }
    }
  });
  connection.close();
  return tookMs;
}

function* batchesOf(leads: number): Generator<string[]> {
  for (let start = 0; start < leads; start += EVENTS_PER_BATCH) {
    yield Array.from({ length: Math.min(EVENTS_PER_BATCH, leads - start) }, (_, index) => leadIdOf(start + index));
  }
}

function demandAllWritten(file: string, leads: number): void {
  const connection = openConnection(file, "read-only");
  for (const [stage, { campaign }] of Object.entries(STAGES)) {
    const status = stage === "send" ? "SENT" : "DELIVERED";
    const row = connection.get("SELECT count(*) AS rows FROM message WHERE campaign_id = ? AND status = ?", campaign, status);
    demand(`Rows of the stage ${stage}`, Number(row?.["rows"]), leads);
  }
  connection.close();
}
