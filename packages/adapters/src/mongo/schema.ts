/** Owns the MongoDB schema: its collections, why each index exists, and the migrations that lead to it. */
import { AppError } from "@mini-crm/core/app-error";
import { type Db, type IndexDescription, MongoServerError } from "mongodb";
import type { SchemaDocument } from "./documents.ts";
import { TABLE_NAMES, type TableName } from "./tables.ts";

/**
 * Each entry takes a database from the version of its index to the next one. Entries are never edited once released. Processes
 * that start together may carry out the same one side by side, and one that died in the middle is carried out again: doing an
 * entry twice must change nothing.
 */
const MIGRATIONS: readonly ((db: Db) => Promise<void>)[] = [createAll];

/** There, whatever else is: only so is a partial index used by a query that asks for no more than that. */
const THERE = { $gt: 0 };

/** These are named where they are meant, because a planner knows nothing of how rare those are that they hold. */
export const DUE_INDEX = { campaign_id: 1, due_at: 1, code: 1 } as const;
export const SETTLED_INDEX = { campaign_id: 1, status: 1, lead_id: 1, code: 1 } as const;

const INDEXES: Partial<Record<TableName, IndexDescription[]>> = {
  lead: [
    { key: { external_id: 1 }, unique: true, sparse: true },
    // How a lead is recognised, and how rules on lists find their index.
    { key: { phones: 1 } },
    { key: { emails: 1 } },
    { key: { tags: 1 } },
    // In the order that lists have; the first also for the two that are asked for together.
    { key: { total_spend: 1, _id: 1, visits: 1 } },
    { key: { visits: 1, _id: 1 } },
    { key: { last_order_at: 1, _id: 1 } },
  ],
  former_phone: [{ key: { phone: 1 } }],
  campaign: [{ key: { status: 1, scheduled_at: 1 } }, { key: { segment_id: 1 } }],
  // Holds all that a sum needs.
  campaign_count: [
    { key: { campaign_id: 1, status: 1, code: 1, variant: 1, window: 1, messages: 1, sent_at: 1 } },
    { key: { fresh: 1 }, partialFilterExpression: { fresh: true } },
  ],
  campaign_reaction: [{ key: { campaign_id: 1 } }],
  message_window: [{ key: { campaign_id: 1, after: 1 } }],
  message: [
    { key: DUE_INDEX, partialFilterExpression: { due_at: THERE } },
    // The few that are looked for. What is sent and delivered never comes into it.
    { key: SETTLED_INDEX, partialFilterExpression: { settled_at: THERE } },
  ],
  claim: [{ key: { until: 1 } }, { key: { worker: 1 } }],
  channel_send: [{ key: { channel_id: 1, at: 1 } }, { key: { at: 1 } }],
  preflight: [{ key: { campaign_id: 1 } }, { key: { at: 1 } }],
  test_message: [
    { key: { campaign_id: 1, _id: 1 } },
    { key: { lease_until: 1 }, partialFilterExpression: { lease_until: THERE } },
  ],
  inbound_message: [
    // Both for a lead's texts.
    { key: { phone: 1, at: 1, _id: 1 } },
    { key: { lead_id: 1, at: 1, _id: 1 } },
    // Whether anybody has had a wish, and what certain numbers wished: asked for by every import.
    { key: { wish: 1, phone: 1, at: 1 }, partialFilterExpression: { wish: { $gt: "" } } },
  ],
  webhook_delivery: [
    { key: { webhook_id: 1, due_at: 1 }, partialFilterExpression: { due_at: THERE } },
    { key: { webhook_id: 1, created_at: 1, _id: 1 } },
  ],
};

/** The indexes that only some servers have; without them, what they are for is slower. */
const WHERE_THERE_ARE_SOME: Partial<Record<TableName, IndexDescription[]>> = {
  // Any field of metadata that a rule asks for.
  lead: [{ key: { "metadata.$**": 1 } }],
};

const NAMESPACE_EXISTS = 48;
/** What servers say to an index that they do not have; anything else, such as a full disk, must not pass for that. */
const UNKNOWN_INDEX: ReadonlySet<unknown> = new Set([2, 9, 67, 72, 115, 197, 238]);

async function createAll(db: Db): Promise<void> {
  for (const name of TABLE_NAMES) {
    await db.createCollection(name).catch((error: unknown) => {
      if (!(error instanceof MongoServerError) || error.code !== NAMESPACE_EXISTS) throw error;
    });
    const indexes = INDEXES[name];
    if (indexes !== undefined) await db.collection(name).createIndexes(indexes);
    const wanted = WHERE_THERE_ARE_SOME[name];
    if (wanted !== undefined) await db.collection(name).createIndexes(wanted).catch(refusedByServer);
  }
}

function refusedByServer(error: unknown): string[] {
  if (error instanceof MongoServerError && UNKNOWN_INDEX.has(error.code)) return [];
  throw error;
}

const NEWER = "The database was written by a newer version of Mini CRM: update this one.";

/** What keeps this program from understanding a database, in words; null where it is of this program's schema. */
export async function foreignVersion(db: Db): Promise<string | null> {
  const version = await versionOf(db);
  if (version > MIGRATIONS.length) return NEWER;
  return version === MIGRATIONS.length
    ? null
    : "The data was written by an older version of Mini CRM: start this one once, which brings it up to date.";
}

/** 0 where nothing has been stored yet. */
export async function versionOf(db: Db): Promise<number> {
  return (await db.collection<SchemaDocument>("schema").findOne({ _id: "schema" }))?.version ?? 0;
}

/** Brings `db` to this program's schema. Throws where a newer program has written it. */
export async function migrate(db: Db): Promise<void> {
  const schema = db.collection<SchemaDocument>("schema");
  const version = await versionOf(db);
  if (version > MIGRATIONS.length) throw new AppError("CONFIGURATION", NEWER, { retryable: false });
  for (const [index, migration] of MIGRATIONS.slice(version).entries()) {
    await migration(db);
    await schema.updateOne({ _id: "schema" }, { $max: { version: version + index + 1 } }, { upsert: true });
  }
}
