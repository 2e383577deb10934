/** Owns what a seed stands for: the size of a simulated world, how WhatsApp behaves in it, and the accidents in their order. */
import type { SimulatorBehaviour } from "@mini-crm/adapters/whatsapp-simulator/behaviour";
import type { CampaignOptions } from "@mini-crm/core/campaign/options";
import type { RateLimit } from "@mini-crm/core/channel/limits";
import { ACCIDENTS, type AccidentKind } from "./accidents.ts";
import { type Draws, drawsFor } from "./draws.ts";

export interface Plan {
  leads: number;
  channels: { id: string; rate: RateLimit | null; behaviour: Partial<SimulatorBehaviour> }[];
  /** Each goes to those who have spent at least `minSpend`. */
  campaigns: { channelId: string; minSpend: number; startMs: number; manners: Manners }[];
  /** Small, so that a small world has many windows and claims. */
  leadsPerWindow: number;
  messagesPerClaim: number;
  /** How many batches of events come again. */
  echoShare: number;
  /** How many calls of the database take their time; all others take none, so that nothing comes between them. */
  slowShare: number;
  recoverEveryMs: number;
  /** `index` seeds what is drawn for an accident, so that leaving one out changes none of the others. */
  accidents: { kind: AccidentKind; index: number; afterMs: number }[];
}

/** How a campaign minds its recipients: few do in most runs. */
export interface Manners extends Pick<CampaignOptions, "frequency_cap" | "canary"> {
  /** From the start of the run on. */
  expiresAfterMs: number | null;
}

export function planOf(seed: number): Plan {
  const draws = drawsFor(seed, "plan");
  const channels = ["default", "second"].slice(0, draws.between(1, 2)).map((id) => {
    return { id, rate: rateFrom(draws), behaviour: behaviourFrom(draws) };
  });
  const leads = draws.between(10, 40);
  return {
    leads,
    channels,
    campaigns: Array.from({ length: draws.between(1, 4) }, (_, index) => ({
      channelId: draws.oneOf(channels).id,
      minSpend: draws.happens(0.7) ? 0 : draws.between(0, leads) * 50,
      startMs: index === 0 ? 0 : draws.between(0, 30_000),
      manners: mannersFrom(draws),
    })),
    leadsPerWindow: draws.oneOf([5, 13, 1_000]),
    messagesPerClaim: draws.oneOf([1, 3, 10, 1_000]),
    echoShare: draws.oneOf([0, 0.1, 0.3]),
    slowShare: draws.oneOf([0, 0.02, 0.2]),
    recoverEveryMs: draws.oneOf([1_000, 5_000, 5_000]),
    accidents: accidentsFrom(draws),
  };
}

function mannersFrom(draws: Draws): Manners {
  const percent = draws.oneOf([5, 20, 50]);
  const limits = { max_failed_percent: draws.oneOf([0, 30, 100]), max_opted_out_percent: draws.oneOf([0, 100]) };
  return {
    expiresAfterMs: draws.happens(0.15) ? draws.between(1_000, 90_000) : null,
    frequency_cap: draws.happens(0.15) ? { messages: draws.between(1, 2), days: 1 } : null,
    canary: draws.happens(0.2) ? { percent, wait_minutes: draws.oneOf([0, 1]), ...limits } : null,
  };
}

function rateFrom(draws: Draws): RateLimit | null {
  if (draws.happens(0.2)) return null;
  return { messages: draws.between(2, 12), windowMs: draws.oneOf([6_000, 11_000, 21_000]) };
}

/** Every freedom of WhatsApp in some runs, and few in most, so that a run that fails is easily read. */
function behaviourFrom(draws: Draws): Partial<SimulatorBehaviour> {
  const share = (most: number) => (draws.happens(0.4) ? draws.unit() * most : 0);
  return {
    latency: draws.oneOf([
      { fromMs: 0, toMs: 0 },
      { fromMs: 50, toMs: 250 },
      { fromMs: 100, toMs: 3_000 },
      { fromMs: 100, toMs: 9_000 },
    ]),
    sentAfter: draws.oneOf([null, { fromMs: 0, toMs: 100 }, { fromMs: 0, toMs: 5_000 }]),
    deliveredAfter: { fromMs: 0, toMs: draws.oneOf([500, 2_000, 15_000]) },
    readAfter: { fromMs: 100, toMs: 20_000 },
    readShare: draws.unit(),
    undeliverableShare: share(0.3),
    doubledShare: share(1),
    lateShare: share(1),
    lateBy: { fromMs: 1_000, toMs: 30_000 },
    shuffledShare: share(1),
    notOnWhatsAppShare: share(0.3),
    retryableShare: share(0.5),
    hangShare: share(0.3),
    hangFor: draws.oneOf([
      { fromMs: 500, toMs: 10_000 },
      { fromMs: 15_000, toMs: 60_000 },
    ]),
    cutShare: share(0.3),
  };
}

function accidentsFrom(draws: Draws): Plan["accidents"] {
  const kinds = Object.entries(ACCIDENTS).flatMap(([kind, { weight }]) =>
    new Array<AccidentKind>(weight).fill(kind as AccidentKind),
  );
  return Array.from({ length: draws.between(0, 16) }, (_, index) => {
    return { kind: draws.oneOf(kinds), index, afterMs: draws.happens(0.5) ? draws.between(0, 500) : draws.between(0, 8_000) };
  });
}
