/** Proves on a real MongoDB that a move brings everything over, can be repeated, and never touches what somebody uses. */
import { readFile, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { draft, importLeads, NOW } from "@mini-crm/core/contracts/samples";
import {
  admit,
  claimed,
  expectLedgerToClose,
  fold,
  LEASE_MS,
  receipt,
  record,
  recoverAt,
  rowsOf,
  SENT,
} from "@mini-crm/core/contracts/store/world";
import type { Store } from "@mini-crm/core/ports/store";
import { MongoClient } from "mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { embeddedBus } from "../embedded-bus/bus.ts";
import { openMongo, openMongoToRead } from "../mongo/database.ts";
import { mongoStore } from "../mongo/store.ts";
import { temporaryUrl } from "../mongo/temporary.ts";
import { openDatabase } from "../sqlite/database.ts";
import { openTemporary, type Temporary } from "../sqlite/temporary.ts";
import { systemClock } from "../system-clock/system-clock.ts";
import { moveToMongo } from "./move.ts";
import { answersOf, fillWorld, hear, type World } from "./world.ts";

const clock = systemClock();

let source: Temporary;
let world: World;
let client: MongoClient;
let url: string;
let opened: Store[];
beforeEach(async () => {
  url = temporaryUrl();
  client = new MongoClient(url);
  opened = [];
  source = await openTemporary();
  world = await fillWorld(source.store);
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await client.db().dropDatabase();
  await client.close();
  await source.close();
});

function move(now = clock.now()) {
  return moveToMongo({ file: source.file, url, now });
}

async function moveStopped() {
  await source.database.close();
  return move();
}

async function openMoved(): Promise<Store> {
  const store = mongoStore(await openMongo(url), clock);
  opened.push(store);
  return store;
}

function db() {
  return client.db();
}

describe("what was moved", () => {
  test("answers every question as before", async () => {
    const before = await answersOf(source.store, world);
    const { collections } = await moveStopped();
    expect(collections.filter(({ isSame }) => !isSame)).toEqual([]);
    const empty = collections.filter(({ read }) => read.documents === 0).map(({ name }) => name);
    expect(empty).toEqual(["process"]);
    const moved = await openMoved();
    expect(await answersOf(moved, world)).toEqual(before);
    await expectLedgerToClose(moved, world.campaign);
  });

  test("goes on where it stopped: claims end, what is left is sent, and the campaign completes", async () => {
    await moveStopped();
    const store = await openMoved();
    const { campaign } = world;
    const now = NOW + LEASE_MS + 1;
    await store.carryOut([recoverAt(now)]);
    let sent = 0;
    for (let messages = await claimed(store, campaign, { now }); messages.length > 0; ) {
      await admit(store, messages, { now });
      for (const message of messages) await record(store, message, SENT, "w1", now);
      sent += messages.length;
      messages = await claimed(store, campaign, { now });
    }
    // The failed one that is tried again, the one that was refused, three that were claimed, and four that nobody had looked at.
    expect(sent).toBe(9);
    await expectLedgerToClose(store, campaign);
    const out = (await rowsOf(store, campaign)).filter(({ status }) => status !== "SKIPPED");
    await fold(
      store,
      out.map((message) => receipt(message, "DELIVERED", now)),
      now,
    );
    expect((await store.campaigns.read(campaign._id))?.status).toBe("COMPLETED");
    await expectLedgerToClose(store, campaign);
  });

  test("is recognised by what comes: leads, texts that were heard, answers, numbers of activities", async () => {
    const { latest } = await source.store.activity.range();
    const leads = await source.store.leads.list({
      page: 1,
      limit: 1,
      rule: null,
      sort: { by: "name", direction: "asc" },
      now: NOW,
    });
    await moveStopped();
    const store = await openMoved();
    expect(await importLeads(store, [{ external_id: "x-1" }, { phones: ["+14155550003"] }])).toMatchObject({ inserted: 0 });
    expect(await store.checks.leads(100)).toMatchObject({ total: leads.total, counted: leads.total, problems: [] });
    await hear(store, "in-1", "+14155550000", "Thank you!");
    expect((await store.activity.range()).latest).toBe(latest);
    await hear(store, "in-3", "+14155550003", "Who is this?");
    expect((await store.activity.range()).latest).toBe(latest + 1);
    expect(await store.inbound.reactions(world.campaign._id)).toEqual([{ variant: 0, replied: 3, opted_out: 1 }]);
    expect(await db().collection("campaign_reaction").countDocuments()).toBe(2);
  });

  test("brings the events that nobody has handled, and says how many dead letters stay", async () => {
    const event = { topic: "campaign.messages", key: "default", value: { nonsense: true } };
    const bus = embeddedBus({ database: source.database, clock, owner: "test" });
    await bus.publish([{ topic: "campaign.jobs", key: "k", value: { version: 1, campaign_id: "c", after: null } }]);
    await bus.close();
    const file = new DatabaseSync(source.file);
    file
      .prepare("INSERT INTO event_log (topic, partition, base, n, payload, at) VALUES ('campaign.messages.dead', 0, 0, 1, ?, 0)")
      .run(JSON.stringify([event]));
    file.close();
    const before = await source.store.outbox.unpublished(1_000);
    expect(await moveStopped()).toMatchObject({ deadLetters: 1 });
    const after = await (await openMoved()).outbox.unpublished(1_000);
    expect(after.map(({ events }) => events)).toEqual([
      ...before.map(({ events }) => events),
      [{ topic: "campaign.jobs", key: "k", value: { version: 1, campaign_id: "c", after: null } }],
    ]);
  });
});

describe("a move", () => {
  test("leaves the SQLite file as it is, and does the same when it is done again", async () => {
    await source.database.close();
    const before = await readFile(source.file);
    const first = await move();
    expect(await move()).toEqual(first);
    expect((await readFile(source.file)).equals(before)).toBe(true);
  });

  test("that died in the middle is done again; until then nobody can use what it left", async () => {
    await moveStopped();
    // As a process that is killed leaves it.
    await db()
      .collection<{ _id: string }>("schema")
      .updateOne({ _id: "move" }, { $set: { state: "unfinished" } });
    await db().collection("lead").deleteMany({ phones: "+14155550003" });
    await expect(openMongo(url)).rejects.toThrow("has not come to its end");
    await expect(openMongoToRead(url)).rejects.toThrow("has not come to its end");
    expect((await move()).collections.every(({ isSame }) => isSame)).toBe(true);
    expect(await (await openMoved()).checks.leads(100)).toMatchObject({ problems: [] });
  });

  test("that follows one by an earlier version takes away what that has put elsewhere", async () => {
    await moveStopped();
    await db().collection("test_message").insertOne({ text: "Hi!" });
    expect((await move()).collections.every(({ isSame }) => isSame)).toBe(true);
    await openMoved();
  });

  test("finds a document that is not what was copied, by name, and the target stays closed", async () => {
    await source.database.close();
    const { collections } = await moveToMongo({ file: source.file, url, now: clock.now() }, async (doing, name) => {
      if (doing === "copies" && name === "process")
        await db()
          .collection("lead")
          .updateOne({ visits: 3 }, { $set: { visits: 4 } });
    });
    expect(collections.filter(({ isSame }) => !isSame).map(({ name }) => name)).toEqual(["lead"]);
    await expect(openMongo(url)).rejects.toThrow("has not come to its end");
    expect((await move()).collections.every(({ isSame }) => isSame)).toBe(true);
  });

  test("refuses a target that has been used since, whatever was done there", async () => {
    await moveStopped();
    const store = await openMoved();
    await store.campaigns.create(draft());
    await expect(move()).rejects.toThrow("in use: it has been used since");
    expect((await store.campaigns.list({ page: 1, limit: 1, status: null })).total).toBe(4);
  });

  test("refuses a target that holds anything else, and leaves it as it is", async () => {
    const store = await openMoved();
    await store.campaigns.create(draft());
    await expect(moveStopped()).rejects.toThrow("in use: there are documents in campaign");
    expect((await store.campaigns.list({ page: 1, limit: 1, status: null })).total).toBe(1);
    await openMoved();
  });
});

describe("a source that cannot be moved is refused in a sentence", () => {
  test("where workers have given a sign of life, with their names", async () => {
    const detail = { stages: {}, channels: [] };
    await source.store.processes.sign({ _id: "here/1/a", role: "workers", seen_at: clock.now() - 14_000, detail });
    await source.database.close();
    await expect(move()).rejects.toThrow(/workers here\/1\/a \(14 s ago\)/);
    expect((await move(clock.now() + 1_001)).collections.length).toBeGreaterThan(0);
  });

  test("where somebody has it open, and then nobody can open it until the move is over", async () => {
    await expect(move()).rejects.toThrow("Somebody else has");
    await source.database.close();
    let refused = 0;
    await moveToMongo({ file: source.file, url, now: clock.now() }, (_doing, name) => {
      const other = new DatabaseSync(source.file, { timeout: 0 });
      expect(() => other.prepare("SELECT 1 FROM lead").get(), name).toThrow("database is locked");
      other.close();
      refused += 1;
    });
    expect(refused).toBeGreaterThan(10);
    await (await openDatabase(source.file)).close();
  });

  test("where there is none, where it is another thing, and where its version is another one", async () => {
    await source.database.close();
    const file = `${source.file}.none`;
    await expect(moveToMongo({ file, url, now: clock.now() })).rejects.toThrow("There is no");
    await writeFile(file, "no database at all, and long enough to be looked at ".repeat(100));
    await expect(moveToMongo({ file, url, now: clock.now() })).rejects.toThrow("file is not a database");
    const newer = new DatabaseSync(source.file);
    newer.exec("PRAGMA user_version = 999");
    newer.close();
    await expect(move()).rejects.toThrow("written by a newer version");
  });
});
