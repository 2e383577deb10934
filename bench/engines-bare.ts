/** Owns the row changes of a campaign on MongoDB as bare bulk writes: the driver alone, no transactions, no reads. */

import { openMongo } from "@mini-crm/adapters/mongo/database";
import type { MessageDocument } from "@mini-crm/adapters/mongo/documents";
import { newId } from "@mini-crm/core/contracts/samples";
import { messageId } from "@mini-crm/core/message/message";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import type { AnyBulkWriteOperation, UpdateFilter } from "mongodb";
import { demand, timed } from "./measure.ts";

/** As large as the pipeline's own batches, and as durable. */
const MESSAGES_PER_CLAIM = 1_000;
const MESSAGES_PER_FOLD = 2_000;
const TEXT =
  "Hi John Doe! 🎉 As a valued customer who has spent $1500 with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for 8 visits!";
const NOTHING_LEFT = { settled_at: "", code: "", reason: "", due_at: "" } as const;

type Write = AnyBulkWriteOperation<MessageDocument>;

/** Answers how many milliseconds it took to bring so many messages to DELIVERED. */
export async function runBareOnMongo(serverUrl: string, messages: number): Promise<number> {
  const own = ownEngines({ MONGODB_URL: serverUrl });
  const { db, close } = await openMongo(own.settings["MONGODB_URL"] ?? "");
  try {
    const collection = db.collection<MessageDocument>("message");
    const pending = pendingMessages(messages);
    const tookMs = await timed(async () => {
      await collection.insertMany(pending, { ordered: false });
      for (let start = 0; start < messages; start += MESSAGES_PER_CLAIM) {
        const ids = pending.slice(start, start + MESSAGES_PER_CLAIM).map(({ _id }) => _id);
        const range = { _id: { $gte: ids[0] ?? "", $lte: ids.at(-1) ?? "" } };
        await collection.updateMany(range, { $set: { status: "CLAIMED", worker: "bench" }, $inc: { attempt: 1 } });
        await collection.bulkWrite(ids.map(admission), { ordered: false });
        await collection.bulkWrite(ids.map(outcome), { ordered: false });
      }
      for (let start = 0; start < messages; start += MESSAGES_PER_FOLD) {
        const ids = pending.slice(start, start + MESSAGES_PER_FOLD).map(({ _id }) => _id);
        await collection.bulkWrite(ids.map(receipt), { ordered: false });
      }
    });
    demand("Messages delivered", await collection.countDocuments({ status: "DELIVERED" }), messages);
    return tookMs;
  } finally {
    await close();
    await own.remove();
  }
}

/** The messages of a campaign to so many, as they are written down. */
export function pendingMessages(count: number): MessageDocument[] {
  const campaign_id = newId();
  return Array.from({ length: count }, (_, index) => {
    const lead_id = newId();
    const phone = `+1${2_000_000_000 + index}`;
    return {
      _id: messageId(campaign_id, lead_id),
      campaign_id,
      lead_id,
      phone,
      attempt: 0,
      created_at: Date.now(),
      status: "PENDING",
    };
  });
}

function admission(_id: string): Write {
  return change(_id, { $set: { status: "SENDING", sending_at: Date.now(), text: TEXT } });
}

function outcome(_id: string): Write {
  return change(_id, { $set: { status: "SENT", sent_at: Date.now(), provider_id: `3EB0${_id}` }, $unset: NOTHING_LEFT });
}

function receipt(_id: string): Write {
  return change(_id, { $set: { status: "DELIVERED", delivered_at: Date.now() }, $unset: NOTHING_LEFT });
}

function change(_id: string, update: UpdateFilter<MessageDocument>): Write {
  return { updateOne: { filter: { _id }, update } };
}
