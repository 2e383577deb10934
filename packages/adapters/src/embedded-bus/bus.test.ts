/** Proves the `EventBus` contract on the embedded log, each connection with threads of its own on one file. */
import { DatabaseSync } from "node:sqlite";
import { describeEventBus } from "@mini-crm/core/contracts/event-bus";
import { draft, startOf } from "@mini-crm/core/contracts/samples";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../sqlite/database.ts";
import { openTemporary, type Temporary } from "../sqlite/temporary.ts";
import { systemClock } from "../system-clock/system-clock.ts";
import { type EmbeddedBusOptions, embeddedBus } from "./bus.ts";

const QUICK = { firstMs: 5, mostMs: 20, tries: 3 };

/** One process's bus; with `elsewhere`, over a store in another database than the log's. */
async function openBus(log: Temporary, owner: string, place: Pick<EmbeddedBusOptions, "elsewhere"> = {}) {
  const database = await openDatabase(log.file);
  const bus = embeddedBus({ database, clock: systemClock(), owner, backoff: QUICK, ...place });
  const close = async () => {
    await bus.close();
    await database.close();
  };
  return { bus, close };
}

function describeOn(engine: string, openStore: (log: Temporary) => Promise<Temporary>): void {
  describeEventBus(engine, async () => {
    const log = await openTemporary();
    const { store, ...other } = await openStore(log);
    const opened = other.file === log.file ? [log.close] : [log.close, other.close];
    return {
      store,
      async connect() {
        const place = other.file === log.file ? {} : { elsewhere: { store, onError: () => {} } };
        const { bus, close } = await openBus(log, `process ${opened.length}`, place);
        opened.push(close);
        return bus;
      },
      async close() {
        for (const closeOne of opened.toReversed()) await closeOne();
      },
    };
  });
}

describeOn("the embedded log", async (log) => log);
describeOn("the embedded log beside another store", () => openTemporary());

let log: Temporary;
let other: Temporary;
beforeEach(async () => {
  log = await openTemporary();
  other = await openTemporary();
});
afterEach(async () => {
  await log.close();
  await other.close();
});

test("beside its store, nothing goes by way of the outbox", async () => {
  const campaign = draft();
  await log.store.campaigns.create(campaign);
  const { bus, close } = await openBus(log, "me");
  expect(await bus.commit([startOf(campaign)])).toEqual([{ kind: "started" }]);
  expect(await log.store.outbox.unpublished(10)).toEqual([]);
  await close();
});

test("what a process raised and did not live to publish, another takes out of the outbox and publishes", async () => {
  const campaign = draft();
  await other.store.campaigns.create(campaign);
  await other.store.carryOut([startOf(campaign)]); // And there it died.
  const { bus, close } = await openBus(log, "me", { elsewhere: { store: other.store, onError: () => {} } });
  const seen: string[] = [];
  bus.consume({
    topic: "campaign.jobs",
    group: "g",
    batchSize: 10,
    onError: () => {},
    handler: async ({ events }) => void seen.push(...events.map(({ key }) => key)),
  });
  await expect.poll(() => seen, { timeout: 5_000 }).toEqual([campaign._id]);
  await expect.poll(() => other.store.outbox.unpublished(10)).toEqual([]);
  await close();
});

test("a log that cannot be written to does not undo what the store has done: it is published later", async () => {
  const campaign = draft();
  await other.store.campaigns.create(campaign);
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const { bus, close } = await openBus(log, "me", { elsewhere: { store: other.store, onError } });
  const obstacle = new DatabaseSync(log.file);
  obstacle.exec("CREATE TRIGGER no_room BEFORE INSERT ON event_log BEGIN SELECT RAISE(ABORT, 'no room'); END");
  expect(await bus.commit([startOf(campaign)])).toEqual([{ kind: "started" }]);
  expect(errors).toHaveLength(1);
  obstacle.exec("DROP TRIGGER no_room");
  obstacle.close();
  await expect.poll(() => bus.lag("campaign.jobs", "g"), { timeout: 5_000 }).toBe(1);
  expect(await other.store.outbox.unpublished(10)).toEqual([]);
  await close();
});
