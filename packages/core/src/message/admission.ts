/** Owns who of those that ask to go out is admitted. */
import type { FrequencyCap } from "../campaign/options.ts";
import type { Gate } from "../channel/room.ts";
import type { Instant } from "../instant.ts";
import type { Admission, MessageStore } from "../ports/store.ts";
import { parseMessageId } from "./message.ts";

/** A message that asks to be admitted, with its lead's identifier. */
export type Asking = Parameters<MessageStore["admit"]>[0]["messages"][number] & { leadId: string };

/** Those who ask, by their campaigns. */
export function askingOf(messages: Parameters<MessageStore["admit"]>[0]["messages"]): Map<string, Asking[]> {
  const campaigns = new Map<string, Asking[]>();
  for (const message of messages) {
    const key = parseMessageId(message._id);
    if (key === null) continue;
    const asking = campaigns.get(key.campaignId) ?? [];
    asking.push({ ...message, leadId: key.leadId });
    campaigns.set(key.campaignId, asking);
  }
  return campaigns;
}

/** Which leads of one campaign are not to be written to. */
export interface Objections {
  hasOptedOut: ReadonlySet<string>;
  hasHadEnough: ReadonlySet<string>;
}

/** Nobody has been admitted, and nobody refused. */
export function noAdmission(): Admission {
  return { admitted: [], opted_out: [], capped: [], too_soon: [] };
}

/**
 * Adds to `admission` what becomes of each who asks, in their order; answers how many are admitted. `gate` is the channel's, and
 * the same for all of its campaigns; `take` takes one, where it is still the worker's.
 */
export function admitThose(
  asking: readonly Asking[],
  { hasOptedOut, hasHadEnough }: Objections,
  gate: Gate,
  take: (message: Asking) => boolean,
  admission: Admission,
): number {
  let admitted = 0;
  for (const message of asking) {
    const until = gate.waitsUntil(message.phone);
    if (hasOptedOut.has(message.leadId)) {
      admission.opted_out.push(message._id);
    } else if (hasHadEnough.has(message.leadId)) {
      admission.capped.push(message._id);
    } else if (until !== null) {
      admission.too_soon.push({ _id: message._id, until });
    } else if (gate.hasRoomFor(message.phone) && take(message)) {
      gate.pass(message.phone);
      admission.admitted.push(message._id);
      admitted += 1;
    }
  }
  return admitted;
}

const DAY_MS = 86_400_000;

/** From when on messages count for a cap. */
export function capSince(cap: FrequencyCap, now: Instant): Instant {
  return now - cap.days * DAY_MS;
}
