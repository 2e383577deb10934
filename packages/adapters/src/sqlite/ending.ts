/** Owns how the rest of a campaign that is cancelled or has expired ends: a window of leads at a time. */
import type { Campaign, Ending } from "@mini-crm/core/campaign/campaign";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import { type Input, jobOf, type Stepped } from "@mini-crm/core/event/raised";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { writeCampaign } from "./campaigns.ts";
import { type Connection, text } from "./connection.ts";
import { countChanges, windowEnd } from "./counters.ts";
import { completeThoseDone } from "./receipts.ts";

/** Ends the messages of the next window that have not gone out, and raises the job for those after it. */
export function endNext(
  connection: Connection,
  campaign: Campaign,
  ending: Ending,
  input: Input<"expand">,
): Stepped<StepResult<"expand">> {
  // Who has no row yet gets none: the audience is whoever was written down.
  writeCampaign(connection, campaign._id, { expanded: true });
  const window = windowToEnd(connection, campaign._id, input.after ?? "");
  if (window === null) {
    // There is nothing left for a pause to hold back.
    const resumed = transition(campaign.status, "resume");
    if (resumed.kind === "moves") writeCampaign(connection, campaign._id, { status: resumed.to, hold: null });
    completeThoseDone(connection, [campaign._id], { now: input.now, receiptWindowMs: Number.POSITIVE_INFINITY });
    return { result: { kind: "ended", messages: 0 }, raised: [] };
  }
  const end = windowEnd(connection, campaign._id, window);
  const messages = endWindow(connection, campaign._id, { window, end }, ending, input.now);
  return { result: { kind: "ended", messages }, raised: [jobOf(campaign._id, end)] };
}

/** The first window from `from` on that holds messages which have not gone out. */
function windowToEnd(connection: Connection, campaignId: string, from: string): string | null {
  const row = connection.get(
    `SELECT min(window) AS window FROM campaign_count
     WHERE campaign_id = ? AND status IN ('PENDING', 'CLAIMED') AND messages > 0 AND window >= ?`,
    campaignId,
    from,
  );
  return row === undefined || row["window"] === null ? null : text(row, "window");
}

function endWindow(
  connection: Connection,
  campaignId: string,
  { window, end }: { window: string; end: string },
  ending: Ending,
  now: number,
): number {
  const places = connection.all(
    `SELECT status, code, count(*) AS messages FROM message
     WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ? AND status IN ('PENDING', 'CLAIMED') GROUP BY status, code`,
    campaignId,
    window,
    end,
  );
  const changes = countChanges(connection);
  for (const { status, code, messages } of places) {
    const from = { status: status === "CLAIMED" ? ("CLAIMED" as const) : ("PENDING" as const), code: code as string | null };
    changes.movedMany(campaignId, window, from, ending, Number(messages));
  }
  changes.write();
  return connection.run(
    `UPDATE message SET status = ?, code = ?, reason = ?, due_at = NULL, retryable = NULL, settled_at = ?
     WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ? AND status IN ('PENDING', 'CLAIMED')`,
    ending.status,
    "code" in ending ? ending.code : null,
    "reason" in ending ? ending.reason : null,
    now,
    campaignId,
    window,
    end,
  );
}
