/** Owns the start of a campaign: whom it goes to and what it says is frozen at that moment, and its job goes onto the bus. */
import type { Instant } from "../instant.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventBus } from "../ports/event-bus.ts";
import type { Store } from "../ports/store.ts";
import type { Rule } from "../segment/rule.ts";
import { TEMPLATE_FIELDS } from "../template/fields.ts";
import { fieldsOf, templateOf } from "../template/template.ts";
import { type Campaign, type CampaignStatus, endingOf, type FrozenContent, type FrozenRun } from "./campaign.ts";
import { contentOf } from "./content.ts";
import { transition } from "./lifecycle.ts";
import { isStillDue } from "./schedule.ts";
import { variantsOf } from "./variant.ts";

export interface StartDeps {
  store: Pick<Store, "campaigns" | "segments" | "channels" | "templates">;
  bus: Pick<EventBus, "commit">;
  clock: Pick<Clock, "now">;
}

export type CampaignStart =
  /** It is RUNNING now, to so many leads. */
  | { kind: "started"; audience: number }
  | { kind: "not_found" }
  | { kind: "segment_not_found"; segment_id: string }
  | { kind: "empty_audience"; segment_id: string }
  | { kind: "not_startable"; status: CampaignStatus; reason: string }
  /** Its channel cannot send what it holds. */
  | { kind: "channel_refused"; reason: string };

/**
 * Starts a campaign, once: the bus commits its start and its job together, and a second start finds it RUNNING. With
 * `scheduledFor` only while it is SCHEDULED for that moment: a person may have moved it in the meantime.
 */
export async function startCampaign(
  { store, bus, clock }: StartDeps,
  id: string,
  scheduledFor: Instant | null = null,
): Promise<CampaignStart> {
  const campaign = await store.campaigns.read(id);
  if (campaign === null) return { kind: "not_found" };
  const refusal = startRefusal(campaign, clock.now());
  if (refusal !== null) return refusal;
  if (!isStillDue(campaign, scheduledFor)) {
    return { kind: "not_startable", status: campaign.status, reason: "It is no longer scheduled for that moment" };
  }
  const segment = await store.segments.read(campaign.segment_id);
  if (segment === null) return { kind: "segment_not_found", segment_id: campaign.segment_id };
  const checked = await contentOf(store, campaign);
  if (!checked.ok) return { kind: "channel_refused", reason: checked.reason };

  const now = clock.now();
  const audience = await store.segments.count(segment.rule_ast, now);
  if (audience === 0) return { kind: "empty_audience", segment_id: segment._id };
  const frozen = freeze(campaign, checked.content, segment.rule_ast, now);
  const [start] = await bus.commit([
    { step: "start", input: { campaign_id: id, seenAt: campaign.updated_at, frozen, expected: audience, now, scheduledFor } },
  ]);
  if (start.kind === "started") return { kind: "started", audience };

  // Somebody else started, changed or removed it in the meantime; what was changed is read again.
  const found = await store.campaigns.read(id);
  return found === null ? { kind: "not_found" } : startCampaign({ store, bus, clock }, id, scheduledFor);
}

/** Why a campaign cannot be started at `now`; null where it can. */
export function startRefusal(campaign: Campaign, now: Instant): Extract<CampaignStart, { kind: "not_startable" }> | null {
  const { status } = campaign;
  const moved = transition(status, "start");
  if (moved.kind === "refused") return { kind: "not_startable", status, reason: moved.reason };
  if (endingOf(campaign, now) === null) return null;
  const reason = "It has expired, so nobody would be written to: set a later `expires_at`";
  return { kind: "not_startable", status, reason };
}

/** What a start of `campaign` at `cutoff` holds fast. */
export function freeze(
  campaign: Pick<Campaign, "message_template" | "options">,
  content: FrozenContent,
  rule: Rule,
  cutoff: Instant,
): FrozenRun {
  const variants = variantsOf(campaign);
  const texts = [...variants.map(({ template }) => template), ...(content.template?.parameters ?? []).map(({ value }) => value)];
  const read = new Set(texts.flatMap((text) => fieldsOf(templateOf(text))));
  return { rule, variants, fields: TEMPLATE_FIELDS.filter((field) => read.has(field)), content, cutoff };
}
