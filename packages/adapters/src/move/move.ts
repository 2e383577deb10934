/** Owns the move of everything that SQLite holds to MongoDB: copied in batches, then read back and compared. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Instant } from "@mini-crm/core/instant";
import { BSON, type Db } from "mongodb";
import { openMongoToFill } from "../mongo/database.ts";
import { markFinished } from "../mongo/move-marker.ts";
import type { Connection } from "../sqlite/connection.ts";
import { MOVED_DOCUMENTS, type MovedName } from "./moved-documents.ts";
import { countDeadLetters, openSource } from "./source.ts";
import { fill, MOVED_NAMES, prepareTarget, readBack } from "./target.ts";

/** What a collection holds. */
export interface Contents {
  documents: number;
  /** SHA-256 over the BSON of all documents in the order of `_id`, in hexadecimal digits. */
  checksum: string;
}

export interface MovedCollection {
  name: MovedName;
  /** What was read from SQLite, and what is in MongoDB now. */
  read: Contents;
  found: Contents;
  isSame: boolean;
}

export interface Moved {
  collections: MovedCollection[];
  /** Events that were laid aside; they stay where they are. */
  deadLetters: number;
}

/** Hears again and again how many documents of a collection have been written, or read back; the move waits for it. */
export type OnProgress = (doing: "copies" | "compares", name: MovedName, documents: number) => void | Promise<void>;

/** About as many as a message of the protocol holds of the largest leads. */
const DOCUMENTS_PER_BATCH = 2_000;

/**
 * Moves the data in `file` to the database at `url`, which the product may use from then on only where all collections are what
 * was read. Can be repeated until somebody has used it. Rejects with an `AppError` that says what is in the way: a running product,
 * a target that is in use, or no data.
 */
export async function moveToMongo(
  { file, url, now }: { file: string; url: string; now: Instant },
  onProgress: OnProgress = () => {},
): Promise<Moved> {
  const source = openSource(file, now);
  try {
    const target = await openMongoToFill(url);
    try {
      await prepareTarget(target.db);
      const read = await copyAll(source, target.db, onProgress);
      const collections = await compareAll(read, target.db, onProgress);
      if (collections.every(({ isSame }) => isSame)) await markFinished(target.db);
      return { collections, deadLetters: countDeadLetters(source) };
    } finally {
      await target.close();
    }
  } finally {
    source.close();
  }
}

async function copyAll(source: Connection, db: Db, onProgress: OnProgress): Promise<Map<MovedName, Contents>> {
  const read = new Map<MovedName, Contents>();
  for (const name of MOVED_NAMES) read.set(name, await copy(source, db, name, onProgress));
  return read;
}

async function copy(source: Connection, db: Db, name: MovedName, onProgress: OnProgress): Promise<Contents> {
  const summary = summing();
  let batch: object[] = [];
  const write = async (): Promise<void> => {
    await fill(db, name, batch);
    batch = [];
    await onProgress("copies", name, summary.documents);
  };
  for (const document of MOVED_DOCUMENTS[name](source)) {
    summary.add(BSON.serialize(document));
    batch.push(document);
    if (batch.length === DOCUMENTS_PER_BATCH) await write();
  }
  await write();
  return summary.contents();
}

/** Reads back what is there, through the index of `_id`. */
async function compareAll(read: ReadonlyMap<MovedName, Contents>, db: Db, onProgress: OnProgress): Promise<MovedCollection[]> {
  const collections: MovedCollection[] = [];
  for (const [name, contents] of read) {
    const summary = summing();
    for await (const document of readBack(db, name)) {
      summary.add(document);
      if (summary.documents % DOCUMENTS_PER_BATCH === 0) await onProgress("compares", name, summary.documents);
    }
    const found = summary.contents();
    collections.push({ name, read: contents, found, isSame: isDeepStrictEqual(found, contents) });
  }
  return collections;
}

function summing() {
  const hash = createHash("sha256");
  let documents = 0;
  return {
    get documents(): number {
      return documents;
    },
    add(bson: Uint8Array): void {
      hash.update(bson);
      documents += 1;
    },
    contents: (): Contents => ({ documents, checksum: hash.copy().digest("hex") }),
  };
}
