/** Owns the switch of a file to the write-ahead log, which lets readers and a writer be at work at the same time. */
import type { DatabaseSync } from "node:sqlite";

const BUSY = 5;
const LOOK_AGAIN_AFTER_MS = 20;
const MOST_LOOKS = 500;

/** Of processes that begin a new file at the same moment, SQLite refuses all but one without waiting: then it is soon done. */
export function writeAhead(db: DatabaseSync): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let looks = 1; ; looks += 1) {
    try {
      db.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      const isBusy = error instanceof Error && "errcode" in error && error.errcode === BUSY;
      if (!isBusy || looks === MOST_LOOKS) throw error;
      Atomics.wait(nobody, 0, 0, LOOK_AGAIN_AFTER_MS);
    }
  }
}
