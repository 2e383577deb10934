/** Owns what commands and edits change of a campaign, and who may be removed; where each command leads, `lifecycle.ts` says. */
import type { CampaignActivity } from "../activity/activity.ts";
import { type Input, jobOf } from "../event/raised.ts";
import type { TopicEvent } from "../event/topics.ts";
import type { Instant } from "../instant.ts";
import type { CampaignStore } from "../ports/store.ts";
import type { Campaign } from "./campaign.ts";
import { type CampaignCommand, transition } from "./lifecycle.ts";
import { isStillDue, scheduleRefusal } from "./schedule.ts";

export type CampaignFields = Partial<Omit<Campaign, "_id" | "counts" | "last_sent_at">>;

/** What a command comes to: which fields it changes, what is told of it and what it raises; or why nothing changes. */
export type Commanded =
  | { kind: "changes"; fields: CampaignFields & { updated_at: Instant }; noted: CampaignActivity; raised: TopicEvent[] }
  | { kind: "already" }
  | { kind: "refused"; reason: string };

export function steered(campaign: Campaign, { command, now }: Input<"steer">): Commanded {
  const moved = transition(campaign.status, command);
  if (moved.kind !== "moves") return moved;
  // Who has no message yet when it is cancelled gets none: the audience is whoever was written down.
  const ended = moved.to === "CANCELLED" ? { expanded: true, completed_at: now } : {};
  return {
    kind: "changes",
    fields: { status: moved.to, hold: null, canary_phase: phaseAfter(campaign, command), updated_at: now, ...ended },
    noted: NOTED[command],
    raised: moved.to === "PAUSED" ? [] : [jobOf(campaign._id, null)],
  };
}

const NOTED = { pause: "campaign.paused", resume: "campaign.resumed", cancel: "campaign.cancelled" } as const;

/** Whoever resumes a campaign that the autopilot has paused has seen why. */
function phaseAfter(campaign: Campaign, command: CampaignCommand): Campaign["canary_phase"] {
  const isOverruled = command === "resume" && campaign.canary_phase !== null && campaign.hold !== null;
  return isOverruled ? "overruled" : campaign.canary_phase;
}

export function scheduled(campaign: Campaign, { at, graceMs, now }: Input<"schedule">): Commanded {
  const moved = transition(campaign.status, at === null ? "unschedule" : "schedule");
  if (moved.kind !== "moves") return moved;
  const reason = at === null ? null : scheduleRefusal(campaign, at);
  if (reason !== null) return { kind: "refused", reason };
  return {
    kind: "changes",
    fields: { status: moved.to, scheduled_at: at, schedule_grace_ms: graceMs, hold: null, updated_at: now },
    noted: at === null ? "campaign.unscheduled" : "campaign.scheduled",
    raised: [],
  };
}

/** `already` also where there is nothing to hold back. */
export function held(campaign: Campaign, { hold, scheduledFor }: Input<"hold">): Commanded {
  if (campaign.hold !== null || !isStillDue(campaign, scheduledFor)) return { kind: "already" };
  const paused = transition(campaign.status, "pause");
  if (paused.kind !== "moves" && campaign.status !== "SCHEDULED") return { kind: "already" };
  const status = paused.kind === "moves" ? paused.to : campaign.status;
  return { kind: "changes", fields: { hold, status, updated_at: hold.at }, noted: "campaign.held", raised: [] };
}

/** What becomes of `known` where a person changes `fields`. */
export function edited(
  known: Campaign | null,
  fields: Parameters<CampaignStore["change"]>[1],
  now: Instant,
): Awaited<ReturnType<CampaignStore["change"]>> {
  if (known === null) return { kind: "not_found" };
  if (known.status !== "DRAFT") return { kind: "not_draft", status: known.status };
  // Later than before in any case: a start tells by this moment that nothing has changed since it looked.
  return { kind: "changed", campaign: { ...known, ...fields, updated_at: Math.max(now, known.updated_at + 1) } };
}

export type Removal = Awaited<ReturnType<CampaignStore["remove"]>>;

/** `removed` where nothing stands against it; the caller still has to do it. */
export function removalOf(known: Pick<Campaign, "status"> | null): Removal {
  if (known === null) return { kind: "not_found" };
  const { status } = known;
  const isInProgress = status === "RUNNING" || status === "PAUSED" || status === "SCHEDULED";
  return isInProgress ? { kind: "in_progress", status } : { kind: "removed" };
}
