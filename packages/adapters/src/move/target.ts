/** Owns the MongoDB database that a move fills: that it may be filled, how it is, and reading it back. */
import { AppError } from "@mini-crm/core/app-error";
import type { Db } from "mongodb";
import { markUnfinished, unmark } from "../mongo/move-marker.ts";
import { migrate } from "../mongo/schema.ts";
import { TABLE_NAMES } from "../mongo/tables.ts";
import type { MovedName } from "./moved-documents.ts";

export const MOVED_NAMES = TABLE_NAMES.filter((name) => name !== "schema");

/** Where a move by an earlier version has put what has another place now. */
const FORMER_NAMES = ["test_message"];

const DOCUMENTS_READ_AT_ONCE = 2_000;

/**
 * Makes `db` ready to be filled: marked as half filled, empty, and with all indexes. Throws an `AppError` where it holds anything
 * but what an earlier move has put there and nobody has used.
 */
export async function prepareTarget(db: Db): Promise<void> {
  const mark = await markUnfinished(db);
  if (mark === "used") throw inUse("it has been used since data was moved there");
  if (mark === "new") {
    const filled = await firstFilled(db);
    if (filled !== null) {
      await unmark(db);
      throw inUse(`there are documents in ${filled}`);
    }
  } else {
    for (const name of [...MOVED_NAMES, ...FORMER_NAMES]) await db.collection(name).drop();
    await db.collection<{ _id: string }>("schema").deleteOne({ _id: "schema" });
  }
  await migrate(db);
}

async function firstFilled(db: Db): Promise<MovedName | null> {
  for (const name of MOVED_NAMES) if ((await db.collection(name).findOne({}, { projection: { _id: 1 } })) !== null) return name;
  return null;
}

function inUse(why: string): AppError {
  return new AppError(
    "CONFIGURATION",
    `The database at MONGODB_URL is in use: ${why}. Name another one in MONGODB_URL, or drop this one if nobody needs it.`,
    { retryable: false },
  );
}

/** Writes documents that are not there yet, with `_id` as their first field. */
export async function fill(db: Db, name: MovedName, documents: readonly object[]): Promise<void> {
  if (documents.length === 0) return;
  await db.collection(name).insertMany(documents, { ordered: false });
}

/** Every document of a collection as it is stored, in BSON and in the order of `_id`. */
export async function* readBack(db: Db, name: MovedName): AsyncIterable<Uint8Array> {
  const documents = db.collection(name).find({}, { sort: { _id: 1 }, raw: true, batchSize: DOCUMENTS_READ_AT_ONCE });
  for await (const document of documents) {
    const bytes: unknown = document;
    if (!(bytes instanceof Uint8Array)) throw new TypeError("The driver gave a document that is not raw");
    yield bytes;
  }
}
