/** Owns what people do in a simulated world: they import leads, run campaigns, steer them, and change their minds. */
import type { SteeringCommand } from "@mini-crm/core/campaign/lifecycle";
import { NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { startCampaign } from "@mini-crm/core/campaign/start-campaign";
import { draft, importLeads } from "@mini-crm/core/contracts/samples";
import { idSource } from "@mini-crm/core/id";
import type { LeadInput } from "@mini-crm/core/lead/lead";
import { messageId } from "@mini-crm/core/message/message";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import type { Rule } from "@mini-crm/core/segment/rule";
import type { Draws } from "./draws.ts";
import type { Manners } from "./plan.ts";
import type { Trace } from "./trace.ts";

export interface StartedCampaign {
  id: string;
  /** Who matched when it was started, and has had a row or has not changed since. */
  audience: Set<string>;
  /** Who came after that. */
  latecomers: Set<string>;
}

export interface People {
  import(leads: number, draws: Draws): Promise<void>;
  /** Some new leads, and some that are known under another name. */
  importAgain(draws: Draws): Promise<void>;
  createCampaign(channelId: string, minSpend: number, manners: Manners): Promise<string>;
  start(campaignId: string): Promise<void>;
  steer(campaignId: string, command: SteeringCommand): Promise<void>;
  /** Changes a lead, so that it may be missing from an audience that is not written down yet. */
  touchLead(id: string | null, change: (id: string) => Promise<unknown>): Promise<void>;
  campaigns(): readonly string[];
  started(): readonly StartedCampaign[];
}

export interface PeopleDeps {
  time: Clock;
  store: Store;
  bus: EventBus;
  trace: Trace;
}

const ALL = { page: 1, limit: 10_000, sort: { by: "created_at", direction: "asc" } } as const;

export function createPeople({ time, store, bus, trace }: PeopleDeps): People {
  const newId = idSource(time);
  const campaigns: string[] = [];
  const started: StartedCampaign[] = [];
  let imported = 0;

  const leadIds = async (rule: Rule | null) => {
    const { items } = await store.leads.list({ ...ALL, rule, now: time.now() });
    return items.map(({ _id }) => _id);
  };

  return {
    campaigns: () => campaigns,
    started: () => started,

    async import(leads, draws) {
      await importLeads(
        store,
        Array.from({ length: leads }, (_, index) => leadFrom(index, draws)),
        time.now(),
      );
      imported += leads;
    },

    async importAgain(draws) {
      const before = new Set(await leadIds(null));
      const added = Array.from({ length: draws.between(1, 8) }, (_, index) => leadFrom(imported + index, draws));
      const renamed = Array.from({ length: 5 }, () => ({
        external_id: nameOf(draws.between(0, imported - 1)),
        name: "Another name",
      }));
      const now = time.now();
      await importLeads(store, [...added, ...renamed], now);
      imported += added.length;
      const latecomers = (await leadIds(null)).filter((id) => !before.has(id));
      for (const campaign of started) {
        // One that is being started at this moment may have them still.
        const cutoff = (await store.campaigns.read(campaign.id))?.frozen?.cutoff ?? now;
        if (cutoff < now) for (const id of latecomers) campaign.latecomers.add(id);
      }
      trace.note("people", "import again", `${latecomers.length} new`);
    },

    async createCampaign(channelId, minSpend, { expiresAfterMs, ...manners }) {
      const now = time.now();
      const rule: Rule = {
        type: "comparison",
        operator: ">=",
        left: { type: "field", value: "total_spend" },
        right: { type: "literal", value: minSpend },
      };
      const segment = { _id: newId(), name: "Some", owner_user_id: "admin", rule_ast: rule, created_at: now, updated_at: now };
      await store.segments.create(segment);
      const expires_at = expiresAfterMs === null ? null : now + expiresAfterMs;
      const options = { ...NO_OPTIONS, ...manners, expires_at };
      const times = { created_at: now, updated_at: now };
      const campaign = draft({ _id: newId(), segment_id: segment._id, channel_id: channelId, options, ...times });
      await store.campaigns.create(campaign);
      campaigns.push(campaign._id);
      return campaign._id;
    },

    async start(campaignId) {
      const campaign = await store.campaigns.read(campaignId);
      const segment = campaign === null ? null : await store.segments.read(campaign.segment_id);
      const audience = new Set(await leadIds(segment?.rule_ast ?? null));
      // Noted before it starts, so that whoever is changed meanwhile is taken out.
      const campaignStarted: StartedCampaign = { id: campaignId, audience, latecomers: new Set() };
      started.push(campaignStarted);
      const result = await startCampaign({ store, bus, clock: time }, campaignId);
      trace.note("people", "start", campaignId, result);
      if (result.kind !== "started") started.splice(started.indexOf(campaignStarted), 1);
    },

    async steer(campaignId, command) {
      const [result] = await bus.commit([{ step: "steer", input: { campaign_id: campaignId, command, now: time.now() } }]);
      trace.note("people", command, campaignId, result.kind);
    },

    async touchLead(id, change) {
      if (id === null) return;
      trace.note("people", "change a lead", id, await change(id));
      for (const campaign of started) {
        if ((await store.messages.read(messageId(campaign.id, id))) === null) campaign.audience.delete(id);
      }
    },
  };
}

function nameOf(index: number): string {
  return `lead-${index}`;
}

/** Most can be written to; some share a number, have none, have no name, or do not want to be written to. */
function leadFrom(index: number, draws: Draws): LeadInput {
  const number = draws.happens(0.1) ? Math.floor(index / 2) : index;
  return {
    external_id: nameOf(index),
    phones: draws.happens(0.05) ? [] : [`+1415555${String(number).padStart(4, "0")}`],
    name: draws.happens(0.05) ? null : `Lead ${index}`,
    total_spend: index * 100,
    consent: { state: draws.happens(0.07) ? "opted_out" : "unknown", source: null, at: null },
  };
}
