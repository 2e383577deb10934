/** Owns the MongoDB schema: its collections, why each index exists, and the migrations that lead to it. */
import { AppError } from "@mini-crm/core/app-error";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { plainText } from "@mini-crm/core/message/content";
import { type Db, type IndexDescription, MongoServerError, ObjectId } from "mongodb";
import type { DirectMessageDocument, OutboxDocument, SchemaDocument } from "./documents.ts";
import type { TableName } from "./tables.ts";

/**
 * Each entry takes a database from the version of its index to the next one. Entries are never edited once released. Processes
 * that start together may carry out the same one side by side, and one that died in the middle is carried out again: doing an
 * entry twice must change nothing.
 */
const MIGRATIONS: readonly ((db: Db) => Promise<void>)[] = [createFirst, addChannels];

/** Collections by their names, with their indexes. */
type Collections = Readonly<Record<string, readonly IndexDescription[]>>;

/** There, whatever else is: only so is a partial index used by a query that asks for no more than that. */
const THERE = { $gt: 0 };

/** These are named where they are meant, because a planner knows nothing of how rare those are that they hold. */
export const DUE_INDEX = { campaign_id: 1, due_at: 1, code: 1 } as const;
export const SETTLED_INDEX = { campaign_id: 1, status: 1, lead_id: 1, code: 1 } as const;

/** As of version 1. */
const FIRST: Collections = {
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
  lead_total: [],
  former_phone: [{ key: { phone: 1 } }],
  segment: [],
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
  process: [],
  inbound_message: [
    // Both for a lead's texts.
    { key: { phone: 1, at: 1, _id: 1 } },
    { key: { lead_id: 1, at: 1, _id: 1 } },
    // Whether anybody has had a wish, and what certain numbers wished: asked for by every import.
    { key: { wish: 1, phone: 1, at: 1 }, partialFilterExpression: { wish: { $gt: "" } } },
  ],
  activity: [],
  webhook: [],
  webhook_delivery: [
    { key: { webhook_id: 1, due_at: 1 }, partialFilterExpression: { due_at: THERE } },
    { key: { webhook_id: 1, created_at: 1, _id: 1 } },
  ],
  outbox: [],
  lock: [],
  schema: [],
};

/** Since version 2. */
const CHANNELS = {
  direct_message: [
    { key: { campaign_id: 1, _id: 1 } },
    { key: { lead_id: 1, campaign_id: 1, _id: 1 } },
    { key: { lease_until: 1 }, partialFilterExpression: { lease_until: THERE } },
  ],
  campaign: [{ key: { channel_id: 1, status: 1 } }],
  channel: [],
  channel_session: [],
  channel_session_entry: [],
  channel_contact: [
    // Those who were written to in a day.
    { key: { channel_id: 1, last_sent_at: 1 }, partialFilterExpression: { last_sent_at: THERE } },
    { key: { channel_id: 1, user_id: 1 }, partialFilterExpression: { user_id: { $gt: "" } } },
  ],
  whatsapp_template: [{ key: { channel_id: 1, name: 1, language: 1 } }],
} satisfies Collections & Partial<Record<TableName, unknown>>;

/** Any field of metadata that a rule asks for. Only some servers have such an index; without it, that is slower. */
const METADATA_INDEX: IndexDescription = { key: { "metadata.$**": 1 } };

const NAMESPACE_EXISTS = 48;
/** What servers say to an index that they do not have; anything else, such as a full disk, must not pass for that. */
const UNKNOWN_INDEX: ReadonlySet<unknown> = new Set([2, 9, 67, 72, 115, 197, 238]);

async function createFirst(db: Db): Promise<void> {
  await create(db, FIRST);
  await db.collection("lead").createIndexes([METADATA_INDEX]).catch(refusedByServer);
}

async function create(db: Db, collections: Collections): Promise<void> {
  for (const [name, indexes] of Object.entries(collections)) {
    await db.createCollection(name).catch((error: unknown) => {
      if (!(error instanceof MongoServerError) || error.code !== NAMESPACE_EXISTS) throw error;
    });
    if (indexes.length > 0) await db.collection(name).createIndexes([...indexes]);
  }
}

async function addChannels(db: Db): Promise<void> {
  await create(db, CHANNELS);
  await moveTests(db);
  // What processes said of their channels means something else now; they say it again every second.
  await db.collection("process").updateMany({}, { $set: { "detail.channels": [] } });
}

/**
 * Test messages were all that went to one person alone, and were texts. Looks at those that wait are raised again, because the
 * topic of the old ones is read no more.
 */
async function moveTests(db: Db): Promise<void> {
  const tests = db.collection<TestMessageDocument>("test_message");
  const outbox = db.collection<OutboxDocument>("outbox");
  for (;;) {
    const found = await tests.find({}, { sort: { _id: 1 }, limit: MOVED_AT_ONCE }).toArray();
    if (found.length === 0) break;
    await db.collection<DirectMessageDocument>("direct_message").bulkWrite(
      found.map(({ _id, text, ...fields }) => ({
        updateOne: { filter: { _id }, update: { $setOnInsert: { ...fields, content: plainText(text) } }, upsert: true },
      })),
    );
    const events = found.filter(({ status }) => status === "PENDING").map(lookAt);
    if (events.length > 0) await outbox.insertOne({ _id: new ObjectId(), events });
    await tests.deleteMany({ _id: { $in: found.map(({ _id }) => _id) } });
  }
  await tests.drop();
  await db
    .collection<{ events: { topic: string }[] }>("outbox")
    .updateMany({}, { $pull: { events: { topic: "campaign.tests" } } });
  await outbox.deleteMany({ events: { $size: 0 } });
}

function lookAt({ _id, channel_id }: TestMessageDocument): TopicEvent {
  return { topic: "message.direct", key: channel_id, value: { version: 1, direct_id: _id, channel_id } };
}

/** As version 1 had them. */
interface TestMessageDocument extends Omit<DirectMessageDocument, "content"> {
  text: string;
}

const MOVED_AT_ONCE = 1_000;

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

/** Brings `db` to this program's schema, or only to that of version `to`. Throws where a newer program has written it. */
export async function migrate(db: Db, to = MIGRATIONS.length): Promise<void> {
  const schema = db.collection<SchemaDocument>("schema");
  const version = await versionOf(db);
  if (version > MIGRATIONS.length) throw new AppError("CONFIGURATION", NEWER, { retryable: false });
  for (const [index, migration] of MIGRATIONS.slice(version, to).entries()) {
    await migration(db);
    await schema.updateOne({ _id: "schema" }, { $max: { version: version + index + 1 } }, { upsert: true });
  }
}
