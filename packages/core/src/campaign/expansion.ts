/** Owns what a campaign's job comes to: the audience is written down further, looked at again, or ended. */
import { type Input, jobOf, lookAt } from "../event/raised.ts";
import type { TopicEvent } from "../event/topics.ts";
import { AFTER_ALL_LEADS } from "../lead/lead.ts";
import { type Campaign, type Ending, endingOf, type FrozenRun } from "./campaign.ts";

export type Expansion =
  | { kind: "not_running" }
  /** What has not gone out ends so. */
  | { kind: "ends"; campaign: Campaign; ending: Ending }
  /** This part of the audience has been written down before. */
  | { kind: "known"; raised: TopicEvent[] }
  | { kind: "goes_on"; campaign: Campaign; frozen: FrozenRun };

/** What the job that goes on behind the lead `after` comes to, where the audience is written down up to `expandedTo`. */
export function expansionOf(
  campaign: Campaign | null,
  expandedTo: string | null,
  { after, now }: Pick<Input<"expand">, "after" | "now">,
): Expansion {
  if (campaign === null || campaign.frozen === null) return { kind: "not_running" };
  const ending = endingOf(campaign, now);
  if (ending !== null) return { kind: "ends", campaign, ending };
  if (campaign.status !== "RUNNING" && campaign.status !== "PAUSED") return { kind: "not_running" };
  if (after !== expandedTo) return { kind: "known", raised: after === null ? lookAgain(campaign, expandedTo) : [] };
  return { kind: "goes_on", campaign, frozen: campaign.frozen };
}

/**
 * Whoever took the expansion on has raised the job behind it, so a job that is behind does nothing. The first job is also what a
 * resumed campaign gets: it looks at all that is pending, and goes on where the expansion stands.
 */
function lookAgain(campaign: Campaign, expandedTo: string | null): TopicEvent[] {
  const upTo = expandedTo ?? AFTER_ALL_LEADS;
  const raised = lookAtPending(campaign, { after: null, upTo, messages: campaign.counts.PENDING });
  return campaign.expanded ? raised : [...raised, jobOf(campaign._id, expandedTo)];
}

/** What a window raises that has been written down: `end` is where the next one begins, null behind the last one. */
export function windowRaised(
  campaign: Campaign,
  { after, end, pending }: { after: string | null; end: string | null; pending: number },
): TopicEvent[] {
  const raised = lookAtPending(campaign, { after, upTo: end ?? AFTER_ALL_LEADS, messages: pending });
  return end === null ? raised : [...raised, jobOf(campaign._id, end)];
}

function lookAtPending(campaign: Campaign, part: Parameters<typeof lookAt>[1]): TopicEvent[] {
  return part.messages === 0 || campaign.status !== "RUNNING" ? [] : [lookAt(campaign, part)];
}
