/** Owns the verb `claim`: a worker takes pending messages for itself, as many as may be sent now. */
import { claimable } from "@mini-crm/core/campaign/going-out";
import { roomLeft } from "@mini-crm/core/channel/room";
import { messageId } from "@mini-crm/core/message/message";
import type { Claim, ClaimedMessage, MessageStore } from "@mini-crm/core/ports/store";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, type Row, text } from "./connection.ts";
import { countChanges, windowBehind, windowEnd, windowWithReady } from "./counters.ts";
import { leadAsJson } from "./lead-rows.ts";
import { channelUse } from "./rate.ts";

type ClaimRequest = Parameters<MessageStore["claim"]>[0];

/** A claim as it leaves the database thread: the messages are one JSON text, taken apart where they are rendered. */
export type RawClaim =
  | Exclude<Claim, { kind: "claimed" }>
  | (Omit<Extract<Claim, { kind: "claimed" }>, "messages"> & { messages: string });

export function claimOf(raw: RawClaim, campaignId: string): Claim {
  if (raw.kind !== "claimed") return raw;
  const messages: Omit<ClaimedMessage, "_id">[] = JSON.parse(raw.messages);
  return { ...raw, messages: messages.map((message) => ({ _id: messageId(campaignId, message.lead_id), ...message })) };
}

export function claim(connection: Connection, request: ClaimRequest): RawClaim {
  const campaign = readCampaign(connection, request.campaign_id);
  if (campaign === null || campaign.frozen === null) return { kind: "nothing" };
  const mostNow = Math.min(request.max, claimable(campaign, request.now));
  if (mostNow <= 0) return { kind: "nothing" };
  const { room, limited } = roomLeft(request.limits, channelUse(connection, request.channel_id, request.limits, request.now));
  const { fields, variants, content } = campaign.frozen;
  const ready = readyMessages(connection, fields, request, Math.max(1, Math.min(mostNow, room)));
  if (ready === null) return { kind: "nothing" };
  if (limited !== null) return { kind: "limited", ...limited };
  take(connection, request, ready);
  const { quiet_hours } = campaign.options;
  return { kind: "claimed", variants, content, quiet_hours, messages: `[${text(ready.row, "claimed")}]` };
}

/** Messages to claim, all of one window. */
interface Ready {
  window: string;
  row: Row;
}

/** Looks only into windows whose counters say that something is ready there. */
function readyMessages(
  connection: Connection,
  fields: Parameters<typeof leadAsJson>[0],
  request: ClaimRequest,
  most: number,
): Ready | null {
  const after = request.after ?? "";
  let window = windowWithReady(connection, request.campaign_id, windowBehind(connection, request.campaign_id, after));
  while (window !== null && window < request.up_to) {
    const end = windowEnd(connection, request.campaign_id, window);
    const row = connection.get(
      `SELECT count(*) AS messages, min(lead_id) AS first, max(lead_id) AS last, group_concat(claimed) AS claimed
       FROM (
         SELECT m.lead_id, '{"lead_id":"' || m.lead_id || '","phone":' || json_quote(m.phone) ||
           ',"attempt":' || (m.attempt + 1) || ',"tries":' || (m.attempt + 1 - m.tries_from) ||
           ',"lead":' || ${leadAsJson(fields)} || '}' AS claimed
         FROM message AS m LEFT JOIN lead AS l ON l._id = m.lead_id
         WHERE m.campaign_id = ? AND m.lead_id > ? AND m.lead_id <= ? AND m.status = 'PENDING' AND m.due_at IS NULL
         ORDER BY m.lead_id LIMIT ?)`,
      request.campaign_id,
      after > window ? after : window,
      end < request.up_to ? end : request.up_to,
      most,
    );
    if (row !== undefined && number(row, "messages") > 0) return { window, row };
    window = windowWithReady(connection, request.campaign_id, end);
  }
  return null;
}

/** In this transaction nobody else writes: the range holds just the rows that were read. */
function take(connection: Connection, request: ClaimRequest, { window, row }: Ready): void {
  const [first, last] = [text(row, "first"), text(row, "last")];
  const claimed = connection.run(
    `UPDATE message SET status = 'CLAIMED', worker = ?, attempt = attempt + 1
     WHERE campaign_id = ? AND lead_id >= ? AND lead_id <= ? AND status = 'PENDING' AND due_at IS NULL`,
    request.worker,
    request.campaign_id,
    first,
    last,
  );
  if (claimed !== number(row, "messages")) throw new Error("A claim changed other rows than it read");
  connection.run(
    "INSERT INTO claim (worker, campaign_id, first, last, until) VALUES (?, ?, ?, ?, ?)",
    request.worker,
    request.campaign_id,
    first,
    last,
    request.now + request.leaseMs,
  );
  const changes = countChanges(connection);
  changes.movedMany(request.campaign_id, window, { status: "PENDING" }, { status: "CLAIMED" }, claimed);
  changes.write();
}
