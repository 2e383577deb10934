/** Owns the collections as the verbs use them: bound to one transaction or to none, so that no call can forget which. */
import type {
  AnyBulkWriteOperation,
  ClientSession,
  Collection,
  Db,
  Document,
  Filter,
  FindOptions,
  OptionalUnlessRequiredId,
  UpdateFilter,
} from "mongodb";
import type * as Documents from "./documents.ts";

/** One collection. Filters and changes are MongoDB's own; time-outs and concerns are the database's. */
export interface Table<T extends { _id: unknown }> {
  find(filter: Filter<T>, options?: FindOptions): Promise<T[]>;
  one(filter: Filter<T>, options?: FindOptions): Promise<T | null>;
  count(filter: Filter<T>): Promise<number>;
  aggregate<R extends Document>(pipeline: Document[]): Promise<R[]>;
  /** The plan for an aggregation, without carrying it out. */
  explain(pipeline: Document[]): Promise<Document>;
  insert(documents: readonly T[]): Promise<void>;
  /** Changes all that match; answers how many are different now. */
  update(filter: Filter<T>, change: UpdateFilter<T> | Document[]): Promise<number>;
  /** The same with one, which is made where there is none. */
  upsert(filter: Filter<T>, change: UpdateFilter<T>): Promise<void>;
  /** Writes one as a whole, whether it is there or not. */
  put(document: T): Promise<void>;
  /** Changes one and answers it as it is now; null where none matches. */
  change(filter: Filter<T>, change: UpdateFilter<T>): Promise<T | null>;
  remove(filter: Filter<T>): Promise<number>;
  /** Many writes at once, in any order. */
  write(operations: readonly AnyBulkWriteOperation<T>[]): Promise<void>;
}

/** Every collection by its name. */
export interface TableTypes {
  lead: Documents.LeadDocument;
  lead_total: Documents.LeadTotalDocument;
  former_phone: Documents.FormerPhoneDocument;
  segment: Documents.SegmentDocument;
  campaign: Documents.CampaignDocument;
  campaign_count: Documents.CampaignCountDocument;
  campaign_reaction: Documents.CampaignReactionDocument;
  message_window: Documents.MessageWindowDocument;
  message: Documents.MessageDocument;
  claim: Documents.ClaimDocument;
  channel_send: Documents.ChannelSendDocument;
  preflight: Documents.PreflightDocument;
  direct_message: Documents.DirectMessageDocument;
  channel: Documents.ChannelDocument;
  channel_session: Documents.ChannelSessionDocument;
  channel_session_entry: Documents.ChannelSessionEntryDocument;
  channel_contact: Documents.ChannelContactDocument;
  whatsapp_template: Documents.WhatsAppTemplateDocument;
  process: Documents.ProcessDocument;
  inbound_message: Documents.InboundMessageDocument;
  activity: Documents.ActivityDocument;
  webhook: Documents.WebhookDocument;
  webhook_delivery: Documents.WebhookDeliveryDocument;
  outbox: Documents.OutboxDocument;
  lock: Documents.LockDocument;
  schema: Documents.SchemaDocument;
}

export type TableName = keyof TableTypes;
export type Tables = { readonly [N in TableName]: Table<TableTypes[N]> };

export const TABLE_NAMES = [
  "lead",
  "lead_total",
  "former_phone",
  "segment",
  "campaign",
  "campaign_count",
  "campaign_reaction",
  "message_window",
  "message",
  "claim",
  "channel_send",
  "preflight",
  "direct_message",
  "channel",
  "channel_session",
  "channel_session_entry",
  "channel_contact",
  "whatsapp_template",
  "process",
  "inbound_message",
  "activity",
  "webhook",
  "webhook_delivery",
  "outbox",
  "lock",
  "schema",
] as const satisfies readonly TableName[];

interface Limits {
  session?: ClientSession;
  maxTimeMs?: number;
}

/** The collections of `db`, in `session`'s transaction where there is one; each query takes at most `maxTimeMs`, where given. */
export function tablesOn(db: Db, limits: Limits): Tables {
  const tableOf = <N extends TableName>(name: N): Table<TableTypes[N]> => tableOn(db.collection<TableTypes[N]>(name), limits);
  return {
    lead: tableOf("lead"),
    lead_total: tableOf("lead_total"),
    former_phone: tableOf("former_phone"),
    segment: tableOf("segment"),
    campaign: tableOf("campaign"),
    campaign_count: tableOf("campaign_count"),
    campaign_reaction: tableOf("campaign_reaction"),
    message_window: tableOf("message_window"),
    message: tableOf("message"),
    claim: tableOf("claim"),
    channel_send: tableOf("channel_send"),
    preflight: tableOf("preflight"),
    direct_message: tableOf("direct_message"),
    channel: tableOf("channel"),
    channel_session: tableOf("channel_session"),
    channel_session_entry: tableOf("channel_session_entry"),
    channel_contact: tableOf("channel_contact"),
    whatsapp_template: tableOf("whatsapp_template"),
    process: tableOf("process"),
    inbound_message: tableOf("inbound_message"),
    activity: tableOf("activity"),
    webhook: tableOf("webhook"),
    webhook_delivery: tableOf("webhook_delivery"),
    outbox: tableOf("outbox"),
    lock: tableOf("lock"),
    schema: tableOf("schema"),
  };
}

function tableOn<T extends { _id: unknown }>(collection: Collection<T>, { session, maxTimeMs }: Limits): Table<T> {
  const within = {
    ...(session === undefined ? {} : { session }),
    ...(maxTimeMs === undefined ? {} : { maxTimeMS: maxTimeMs }),
  };
  return {
    find: async (filter, options) => (await collection.find(filter, { ...options, ...within }).toArray()) as T[],
    one: async (filter, options) => (await collection.findOne(filter, { ...options, ...within })) as T | null,
    count: (filter) => collection.countDocuments(filter, within),
    aggregate: <R extends Document>(pipeline: Document[]) => collection.aggregate<R>(pipeline, within).toArray(),
    explain: (pipeline) => collection.aggregate(pipeline, within).explain("queryPlanner"),
    async insert(documents) {
      if (documents.length === 0) return;
      await collection.insertMany(documents as OptionalUnlessRequiredId<T>[], { ordered: false, ...within });
    },
    update: async (filter, change) => (await collection.updateMany(filter, change, within)).modifiedCount,
    async upsert(filter, change) {
      await collection.updateOne(filter, change, { upsert: true, ...within });
    },
    async put(document) {
      await collection.replaceOne({ _id: document._id } as Filter<T>, document, { upsert: true, ...within });
    },
    change: async (filter, change) =>
      (await collection.findOneAndUpdate(filter, change, { returnDocument: "after", ...within })) as T | null,
    remove: async (filter) => (await collection.deleteMany(filter, within)).deletedCount,
    async write(operations) {
      if (operations.length > 0) await collection.bulkWrite([...operations], { ordered: false, ...within });
    },
  };
}
