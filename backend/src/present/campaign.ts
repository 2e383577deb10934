/** Owns how a campaign and its ledger are shown. */
import { type Campaign, ledgerOf } from "@mini-crm/core/campaign/campaign";
import type { Waiting } from "@mini-crm/core/campaign/waiting";
import type { Instant } from "@mini-crm/core/instant";
import type { CampaignJson } from "@mini-crm/wire/campaign";
import type { StatusBreakdown } from "@mini-crm/wire/delivery";
import { iso, isoOrNull } from "./time.ts";

/** How a campaign under way gets on. */
export interface Headway {
  waitingFor: Waiting | null;
  ratePerMinute: number;
  estimatedDoneAt: Instant | null;
}

/** Of a campaign that is a DRAFT or finished. */
export const NOT_UNDER_WAY: Headway = { waitingFor: null, ratePerMinute: 0, estimatedDoneAt: null };

export function campaignJson(campaign: Campaign, { waitingFor, ratePerMinute, estimatedDoneAt }: Headway): CampaignJson {
  const { frozen, expected, expanded, counts, last_sent_at, schedule_grace_ms, options, hold, ...shown } = campaign;
  return {
    ...shown,
    ...options,
    expires_at: isoOrNull(options.expires_at),
    scheduled_at: isoOrNull(campaign.scheduled_at),
    hold: hold === null ? null : { ...hold, at: iso(hold.at) },
    stats: ledgerOf(campaign),
    waitingFor: waitingFor === null ? null : { ...waitingFor, until: isoOrNull(waitingFor.until) },
    rate_per_minute: ratePerMinute,
    estimated_done_at: isoOrNull(estimatedDoneAt),
    created_at: iso(campaign.created_at),
    updated_at: iso(campaign.updated_at),
    started_at: isoOrNull(campaign.started_at),
    completed_at: isoOrNull(campaign.completed_at),
  };
}

/** The messages of a campaign by status. One that was never run has none, however many its segment has. */
export function breakdownOf(campaign: Campaign): { totalMessages: number; statusBreakdown: StatusBreakdown } {
  const ledger = ledgerOf(campaign.frozen === null ? { ...campaign, expected: 0 } : campaign);
  return {
    totalMessages: ledger.audience,
    statusBreakdown: {
      SENT: ledger.sent,
      DELIVERED: ledger.delivered,
      READ: ledger.read,
      FAILED: ledger.failed,
      SKIPPED: ledger.skipped,
      UNCERTAIN: ledger.uncertain,
      CANCELLED: ledger.cancelled,
      PENDING: ledger.pending,
    },
  };
}
