/** Owns when a campaign may start by itself: which moments can be meant, and when one has been missed. */
import type { Instant } from "../instant.ts";
import { parseIsoTime } from "../iso-time.ts";
import { ianaTimeZone } from "../lead/time-zone.ts";
import type { Problem } from "../problem.ts";
import type { Campaign } from "./campaign.ts";
import { instantOfLocal } from "./local-time.ts";

export const DEFAULT_GRACE_MINUTES = 60;
/** What a request takes on its way, and a start to be noticed: so much is neither past nor late. */
const TOLERANCE_MS = 60_000;
const MOST_AHEAD_MS = 2 * 366 * 86_400_000;

export interface ScheduleWords {
  /** ISO 8601, or without an offset the time on clocks in `timezone`. */
  at: string;
  timezone: string | null;
}

/** The moment that is meant, never before `now`; or what is wrong with the words. */
export function readSchedule(words: ScheduleWords, now: Instant): { ok: true; at: Instant } | { ok: false; problem: Problem } {
  const refused = (field: string, rule: string, what: string) =>
    ({ ok: false, problem: { field, rule, message: `\`${field}\` ${what}.` } }) as const;
  const timezone = words.timezone === null ? null : ianaTimeZone(words.timezone);
  if (words.timezone !== null && timezone === null) {
    return refused("timezone", "time_zone", 'must be the name of a time zone such as "Europe/Berlin"');
  }
  const withOffset = words.at.includes("T") ? parseIsoTime(words.at) : null;
  const at = withOffset ?? instantOfLocal(words.at, timezone ?? "UTC");
  if (at === null) {
    return refused(
      "at",
      "date_time",
      'must be a date and time, such as "2026-12-24T09:00:00Z", or "2026-12-24T09:00" with a `timezone`',
    );
  }
  if (withOffset === null && timezone === null) {
    return refused("timezone", "required", "must be given where `at` has no offset, to say whose clocks show that time");
  }
  if (at < now - TOLERANCE_MS) return refused("at", "range", `must lie ahead, but ${isoOf(at)} has passed`);
  if (at > now + MOST_AHEAD_MS) return refused("at", "range", "must lie within two years");
  return { ok: true, at: Math.max(at, now) };
}

/** Why a campaign cannot start at `at`, whatever its status; null where it can. */
export function scheduleRefusal({ options }: Pick<Campaign, "options">, at: Instant): string | null {
  const { expires_at } = options;
  if (expires_at === null || at < expires_at) return null;
  return `It expires at ${isoOf(expires_at)}, before it would start: choose an earlier time, or let it expire later`;
}

/** Tells whether a SCHEDULED campaign should have started so long before `now` that a person decides whether it still may. */
export function isMissed(campaign: Pick<Campaign, "scheduled_at" | "schedule_grace_ms">, now: Instant): boolean {
  return campaign.scheduled_at !== null && now > campaign.scheduled_at + Math.max(campaign.schedule_grace_ms, TOLERANCE_MS);
}

/** Tells whether what was decided of a campaign that is due at `scheduledFor` still holds; where no moment is given, it does. */
export function isStillDue(
  campaign: Pick<Campaign, "status" | "scheduled_at" | "hold">,
  scheduledFor: Instant | null | undefined,
): boolean {
  if (scheduledFor === null || scheduledFor === undefined) return true;
  return campaign.status === "SCHEDULED" && campaign.scheduled_at === scheduledFor && campaign.hold === null;
}

function isoOf(at: Instant): string {
  return new Date(at).toISOString();
}
