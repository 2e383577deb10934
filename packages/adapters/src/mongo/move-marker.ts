/** Owns the mark that a move leaves in its target: a database that is half filled must not be used, and one in use not be emptied. */
import { AppError } from "@mini-crm/core/app-error";
import type { Collection, Db } from "mongodb";
import type { MoveDocument } from "./documents.ts";

function marks(db: Db): Collection<MoveDocument> {
  return db.collection<MoveDocument>("schema");
}

/** Throws where a move into `db` has not come to its end. */
export async function refuseHalfMoved(db: Db): Promise<void> {
  if ((await marks(db).findOne({ _id: "move" }))?.state !== "unfinished") return;
  throw new AppError("CONFIGURATION", "The move into this database has not come to its end: run minicrm move again.", {
    retryable: false,
  });
}

/** Notes that the product uses `db` from now on. Whichever comes first, this or a move that begins, the other is refused. */
export async function takeIntoUse(db: Db): Promise<void> {
  await marks(db).updateOne({ _id: "move", state: "finished" }, { $set: { state: "used" } });
  await refuseHalfMoved(db);
}

/**
 * Marks `db` as half filled. `again`: it holds what another move put there and nobody has used. `new`: no move has ever been
 * marked here.
 */
export async function markUnfinished(db: Db): Promise<"new" | "again" | "used"> {
  const again = await marks(db).updateOne({ _id: "move", state: { $ne: "used" } }, { $set: { state: "unfinished" } });
  if (again.matchedCount === 1) return "again";
  if ((await marks(db).findOne({ _id: "move" })) !== null) return "used";
  await marks(db).insertOne({ _id: "move", state: "unfinished" });
  return "new";
}

export async function markFinished(db: Db): Promise<void> {
  await marks(db).updateOne({ _id: "move" }, { $set: { state: "finished" } });
}

/** As if no move had ever begun. */
export async function unmark(db: Db): Promise<void> {
  await marks(db).deleteOne({ _id: "move" });
}
