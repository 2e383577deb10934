/** Owns the move from the embedded store to MongoDB, between the engines that the settings name. */
import type { Moved, OnProgress } from "@mini-crm/adapters/move/move";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { AppError } from "@mini-crm/core/app-error";
import type { Config } from "./config.ts";
import { databaseFile } from "./engines.ts";

export type { Moved, MovedCollection, OnProgress } from "@mini-crm/adapters/move/move";

/** Moves all that `dataDir` holds to the database at `mongodbUrl`; rejects with an `AppError` that says what is in the way. */
export async function moveToMongo(
  { dataDir, mongodbUrl }: Pick<Config, "dataDir" | "mongodbUrl">,
  onProgress?: OnProgress,
): Promise<Moved> {
  if (mongodbUrl === null) {
    throw new AppError(
      "CONFIGURATION",
      "MONGODB_URL is not set: it names the database to move to, such as mongodb://127.0.0.1:27017/mini_crm.",
      {
        retryable: false,
      },
    );
  }
  const { moveToMongo: move } = await import("@mini-crm/adapters/move/move");
  return move({ file: databaseFile({ dataDir }), url: mongodbUrl, now: systemClock().now() }, onProgress);
}
