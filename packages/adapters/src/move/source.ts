/** Owns the SQLite file that a move reads: nobody else has it open meanwhile, and nothing of what it holds is changed. */
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { AppError } from "@mini-crm/core/app-error";
import type { Instant } from "@mini-crm/core/instant";
import { type Connection, connectionOn, number, openConnection } from "../sqlite/connection.ts";
import { processVerbs } from "../sqlite/processes.ts";
import { foreignVersion } from "../sqlite/schema.ts";

/** A process that has given no sign of life for so long does not run. */
const SIGN_OF_LIFE_MS = 15_000;
/** How long somebody who only looks may take to close the file. */
const OTHERS_CLOSE_WITHIN_MS = 2_000;

/** Opens `file` for this process alone. Throws an `AppError` that says what is in the way: no data, other data, a running product. */
export function openSource(file: string, now: Instant): Connection {
  if (!existsSync(file)) throw refusal(`There is no ${file}: DATA_DIR names the folder with what is to be moved.`);
  refuseUnfit(file, now);
  const db = new DatabaseSync(file, { timeout: OTHERS_CLOSE_WITHIN_MS });
  try {
    // Set before anything is read, it keeps everybody else from reading and writing until this connection closes.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.prepare("SELECT count(*) FROM sqlite_master").get();
    return connectionOn(db);
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    throw refusal(`Somebody else has ${file} open: stop the backend and the workers, and whoever else looks into it.`);
  }
}

function refuseUnfit(file: string, now: Instant): void {
  const connection = openConnection(file, "read-only");
  try {
    const foreign = foreignVersion(connection.db);
    if (foreign !== null) throw refusal(foreign);
    const alive = processVerbs(connection).processesSince(now - SIGN_OF_LIFE_MS);
    if (alive.length === 0) return;
    const names = alive.map(
      ({ _id, role, seen_at }) => `${role} ${_id} (${Math.max(0, Math.round((now - seen_at) / 1_000))} s ago)`,
    );
    throw refusal(
      `Mini CRM is running, or was killed just now: ${names.join(", ")} gave a sign of life. Stop it, wait ${SIGN_OF_LIFE_MS / 1_000} s after a kill, and try again.`,
    );
  } finally {
    connection.close();
  }
}

/** How many events the log has laid aside, for somebody to look at. */
export function countDeadLetters(connection: Connection): number {
  const row = connection.get("SELECT coalesce(sum(n), 0) AS events FROM event_log WHERE topic LIKE '%.dead'");
  return row === undefined ? 0 : number(row, "events");
}

function refusal(reason: string): AppError {
  return new AppError("CONFIGURATION", reason, { retryable: false });
}

const BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === BUSY;
}
