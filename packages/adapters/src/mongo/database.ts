/** Owns the connection to MongoDB: its time-outs and concerns, transactions, and what a failure of it means. */
import { AppError } from "@mini-crm/core/app-error";
import { type Db, MongoClient, MongoError, MongoServerError } from "mongodb";
import { addDefaultChannel } from "./channels.ts";
import { refuseHalfMoved, takeIntoUse } from "./move-marker.ts";
import { migrate, versionOf } from "./schema.ts";
import { type Tables, tablesOn } from "./tables.ts";
import { databaseName, shown } from "./url.ts";

export interface MongoDatabase {
  db: Db;
  /** Reads, each call by itself. */
  read<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /** The same for what may look at millions of documents. */
  scan<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /** Writes one document, or several that nobody misses where it breaks off: that needs no transaction. */
  write<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /**
   * Carries out `work` in one transaction: it sees one moment, and all that it writes is there or nothing. Where another
   * transaction has changed what it changes, it begins anew, so `work` must have no other effects.
   */
  transaction<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /** The same for what touches tens of thousands of documents. */
  bulkTransaction<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /** Rejects where the database does not answer: some seconds later, where it hangs. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** How long one query may take, and one that looks at everything; then the server ends it. */
const QUERY_MS = 10_000;
const SCAN_MS = 120_000;
/** How long a transaction begins anew where others were faster. */
const MOST_ANEW_MS = 10_000;
const BULK_MOST_ANEW_MS = 60_000;

const CONCERNS = {
  readConcern: { level: "snapshot" },
  writeConcern: { w: "majority", journal: true, wtimeoutMS: 10_000 },
} as const;

/** MongoDB 5.0's: keys of metadata may hold dots and dollars from there on. */
const OLDEST_WIRE_VERSION = 13;

/**
 * Opens a database and brings it to this program's schema. Rejects with one `AppError` of code `CONFIGURATION` where it cannot
 * be had: not reached, not allowed, or a standalone server, which has no transactions.
 */
export async function openMongo(url: string): Promise<MongoDatabase> {
  return openWith(url, async (client, db) => {
    await takeIntoUse(db);
    await migrate(db);
    const database = databaseOn(client, db);
    await database.transaction((tables) => addDefaultChannel(tables, Date.now()));
    return database;
  });
}

/** Opens a database for a move, whatever an earlier one has left there. */
export async function openMongoToFill(url: string): Promise<Pick<MongoDatabase, "db" | "close">> {
  return openWith(url, async (client, db) => databaseOn(client, db));
}

/** Opens what is there without changing it; null where nothing has been stored yet. */
export async function openMongoToRead(url: string): Promise<MongoDatabase | null> {
  return openWith(url, async (client, db) => {
    await refuseHalfMoved(db);
    if ((await versionOf(db)) > 0) return databaseOn(client, db);
    await client.close();
    return null;
  });
}

/** Takes a database away with all that is in it. */
export async function dropMongo(url: string): Promise<void> {
  await openWith(url, async (client, db) => {
    await db.dropDatabase();
    await client.close();
  });
}

async function openWith<T>(url: string, open: (client: MongoClient, db: Db) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await open(client, client.db(databaseName(url)));
  } catch (error) {
    await client.close();
    throw error instanceof MongoError ? refusal(url, error) : error;
  }
}

function databaseOn(client: MongoClient, db: Db): MongoDatabase {
  const once = <T>(work: (tables: Tables) => Promise<T>, mostMs: number): Promise<T> => {
    const latest = performance.now() + mostMs;
    return client.withSession((session) =>
      session.withTransaction(() => {
        if (performance.now() > latest) throw unavailable("Others are changing the same all the time.", null);
        return work(tablesOn(db, { session }));
      }, CONCERNS),
    );
  };
  // Where two make the same document, the one that comes second sees it when it begins anew.
  const transaction = <T>(work: (tables: Tables) => Promise<T>, mostMs: number): Promise<T> =>
    told(() =>
      once(work, mostMs).catch((error: unknown) => {
        if (isDuplicate(error)) return once(work, mostMs);
        throw error;
      }),
    );
  return {
    db,
    read: (work) => told(() => work(tablesOn(db, { maxTimeMs: QUERY_MS }))),
    write: (work) => told(() => work(tablesOn(db, {}))),
    scan: (work) => told(() => work(tablesOn(db, { maxTimeMs: SCAN_MS }))),
    transaction: (work) => transaction(work, MOST_ANEW_MS),
    bulkTransaction: (work) => transaction(work, BULK_MOST_ANEW_MS),
    ping: () =>
      told(async () => {
        await db.command({ ping: 1 });
      }),
    close: () => client.close(),
  };
}

/**
 * A write is answered when most members have it on disk, and only such data is read, so that no failover takes back what
 * anybody has seen.
 */
async function connect(url: string): Promise<MongoClient> {
  let client: MongoClient | null = null;
  try {
    client = new MongoClient(url, {
      appName: "mini-crm",
      serverSelectionTimeoutMS: 3_000,
      connectTimeoutMS: 3_000,
      // Its heartbeat tells that a server hangs, within some 8 s: then all that waits for it is ended.
      heartbeatFrequencyMS: 5_000,
      waitQueueTimeoutMS: 10_000,
      // The last resort, where a server answers its heartbeat and nothing else.
      socketTimeoutMS: SCAN_MS + 10_000,
      maxPoolSize: 20,
      readConcern: { level: "majority" },
      writeConcern: CONCERNS.writeConcern,
      readPreference: "primary",
      retryReads: true,
      retryWrites: true,
    });
    await client.connect();
    const hello = await client.db("admin").command({ hello: 1 });
    if (Number(hello["maxWireVersion"]) < OLDEST_WIRE_VERSION) {
      throw new AppError("CONFIGURATION", `The MongoDB server at ${shown(url)} is older than 5.0: update it.`, {
        retryable: false,
      });
    }
    if (hello["setName"] === undefined && hello["msg"] !== "isdbgrid") {
      throw new AppError(
        "CONFIGURATION",
        `The MongoDB server at ${shown(url)} stands alone, and such a server has no transactions: start it as a replica set (one member is enough: mongod --replSet rs0, then rs.initiate()).`,
        { retryable: false },
      );
    }
    return client;
  } catch (error) {
    await client?.close();
    throw error instanceof AppError ? error : refusal(url, error);
  }
}

function refusal(url: string, cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AppError("CONFIGURATION", `MONGODB_URL: the database at ${shown(url)} cannot be used: ${reason}.`, {
    retryable: false,
    cause,
  });
}

/** Tells what the surroundings did wrong as an `AppError`; what the program did wrong stays as it is. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failureOf(error) ?? error;
  }
}

/** Codes of the server that tell of the program: what is asked is wrong, and stays wrong. */
const BUGS: ReadonlySet<number> = new Set([
  ...[2, 9, 14, 15, 20, 22, 26, 27, 28, 40, 52, 56, 57, 59, 66, 72, 121, 168, 292],
  ...[10_334, 11_000, 17_419, 17_420, 51_091],
]);
const FULL_DISK = 14_031;
const DUPLICATE = 11_000;

function isDuplicate(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE;
}

function failureOf(error: unknown): AppError | null {
  if (!(error instanceof MongoError)) return null;
  if (
    error.name === "MongoClientClosedError" ||
    error.name === "MongoNotConnectedError" ||
    error.name === "MongoTopologyClosedError"
  ) {
    return new AppError("CLOSED", "The database has been closed.", { retryable: false, cause: error });
  }
  if (error instanceof MongoServerError && typeof error.code === "number") {
    if (error.code === FULL_DISK) {
      return new AppError("STORE_FULL", "The disk of the database is full.", { retryable: true, cause: error });
    }
    if (BUGS.has(error.code)) return null;
  } else if (error.name === "MongoAPIError" || error.name === "MongoInvalidArgumentError" || error.name === "MongoRuntimeError") {
    return null;
  }
  return unavailable(`The database does not answer: ${error.message}`, error);
}

function unavailable(message: string, cause: unknown): AppError {
  return new AppError("STORE_UNAVAILABLE", message, { retryable: true, cause });
}
