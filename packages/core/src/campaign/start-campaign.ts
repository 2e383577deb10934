/** Owns the start of a campaign: whom it goes to and what it says is frozen at that moment, and its job goes onto the bus. */
import type { Clock } from "../ports/clock.ts";
import type { EventBus } from "../ports/event-bus.ts";
import type { Store } from "../ports/store.ts";
import { fieldsOf, templateOf } from "../template/template.ts";
import type { CampaignStatus } from "./campaign.ts";
import { transition } from "./lifecycle.ts";

export interface StartDeps {
  store: Pick<Store, "campaigns" | "segments">;
  bus: Pick<EventBus, "commit">;
  clock: Pick<Clock, "now">;
}

export type CampaignStart =
  /** It is RUNNING now, to so many leads. */
  | { kind: "started"; audience: number }
  | { kind: "not_found" }
  | { kind: "segment_not_found"; segment_id: string }
  | { kind: "empty_audience"; segment_id: string }
  | { kind: "not_startable"; status: CampaignStatus; reason: string };

/** Starts a campaign, once: the bus commits its start and its job together, and a second start finds it RUNNING. */
export async function startCampaign({ store, bus, clock }: StartDeps, id: string): Promise<CampaignStart> {
  const campaign = await store.campaigns.read(id);
  if (campaign === null) return { kind: "not_found" };
  const moved = transition(campaign.status, "start");
  if (moved.kind === "refused") return { kind: "not_startable", status: campaign.status, reason: moved.reason };
  const segment = await store.segments.read(campaign.segment_id);
  if (segment === null) return { kind: "segment_not_found", segment_id: campaign.segment_id };

  const now = clock.now();
  const audience = await store.segments.count(segment.rule_ast, now);
  if (audience === 0) return { kind: "empty_audience", segment_id: segment._id };
  const template = campaign.message_template;
  const frozen = { rule: segment.rule_ast, template, fields: fieldsOf(templateOf(template)), cutoff: now };
  const [start] = await bus.commit([{ step: "start", input: { campaign_id: id, frozen, expected: audience, now } }]);
  if (start.kind === "started") return { kind: "started", audience };

  // Somebody else started, changed or removed it in the meantime; what was changed is read again.
  const found = await store.campaigns.read(id);
  return found === null ? { kind: "not_found" } : startCampaign({ store, bus, clock }, id);
}
