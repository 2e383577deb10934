/** Owns the signs of life of running processes. */
import type { Instant } from "@mini-crm/core/instant";
import type { ProcessSign } from "@mini-crm/core/ports/store";
import type { Tables } from "./tables.ts";

/** Signs older than this are swept away with the next one. */
const FORGOTTEN_AFTER_MS = 86_400_000;

export async function signProcess(tables: Tables, sign: ProcessSign): Promise<void> {
  await tables.process.remove({ seen_at: { $lt: sign.seen_at - FORGOTTEN_AFTER_MS } });
  await tables.process.put(sign);
}

export async function processGone(tables: Tables, id: string): Promise<void> {
  await tables.process.remove({ _id: id });
}

/** The leases of the dead have ended; the next `recover` says what that means for each. */
export async function processDied(tables: Tables, id: string, now: Instant): Promise<void> {
  await tables.process.remove({ _id: id });
  await tables.claim.update({ worker: id, until: { $gt: now } }, { $set: { until: now } });
  await tables.direct_message.update({ worker: id, lease_until: { $gt: now } }, { $set: { lease_until: now } });
  await tables.channel_session.remove({ owner: id });
}

export function processesSince(tables: Tables, since: Instant): Promise<ProcessSign[]> {
  return tables.process.find({ seen_at: { $gte: since } }, { sort: { _id: 1 } });
}
