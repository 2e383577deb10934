/** Owns the verb `claim`: a worker takes pending messages for itself, as many as may be sent now. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { claimable } from "@mini-crm/core/campaign/going-out";
import { roomLeft } from "@mini-crm/core/channel/room";
import { messageId } from "@mini-crm/core/message/message";
import type { Claim, ClaimedMessage, MessageStore } from "@mini-crm/core/ports/store";
import type { TemplateField } from "@mini-crm/core/template/fields";
import { ObjectId } from "mongodb";
import { readCampaign } from "./campaigns.ts";
import { countChanges, idsBetween, windowBehind, windowEnd, windowsWith } from "./counters.ts";
import type { MessageDocument } from "./documents.ts";
import { leadProjection, partOfLead } from "./lead-documents.ts";
import { channelUse } from "./limits.ts";
import { campaignLock, lock } from "./locks.ts";
import type { Tables } from "./tables.ts";

type ClaimRequest = Parameters<MessageStore["claim"]>[0];

export async function claim(tables: Tables, request: ClaimRequest): Promise<Claim> {
  const campaign = await readCampaign(tables, request.campaign_id);
  if (campaign === null || campaign.frozen === null) return { kind: "nothing" };
  const mostNow = Math.min(request.max, claimable(campaign, request.now));
  if (mostNow <= 0) return { kind: "nothing" };
  const { room, limited } = roomLeft(request.limits, await channelUse(tables, request));
  const ready = await readyMessages(tables, request, Math.max(1, Math.min(mostNow, room)));
  if (ready === null) return { kind: "nothing" };
  if (limited !== null) return { kind: "limited", ...limited };
  await take(tables, campaign, request, ready);
  return {
    kind: "claimed",
    variants: campaign.frozen.variants,
    content: campaign.frozen.content,
    quiet_hours: campaign.options.quiet_hours,
    messages: await claimedOf(tables, campaign.frozen.fields, ready.messages),
  };
}

/** Messages to claim, all of one window, in order. */
interface Ready {
  window: string;
  messages: [MessageDocument, ...MessageDocument[]];
}

/** Looks only into windows whose counters say that something is ready there. */
async function readyMessages(tables: Tables, request: ClaimRequest, most: number): Promise<Ready | null> {
  const { campaign_id, up_to } = request;
  const after = request.after ?? "";
  const from = await windowBehind(tables, campaign_id, after);
  for (const { window } of await windowsWith(tables, campaign_id, { status: "PENDING", code: "" })) {
    if (window < from) continue;
    if (window >= up_to) break;
    const end = await windowEnd(tables, campaign_id, window);
    const [first, ...others] = await tables.message.find(
      {
        _id: idsBetween(campaign_id, after > window ? after : window, end < up_to ? end : up_to),
        status: "PENDING",
        due_at: null,
      },
      { sort: { _id: 1 }, limit: most, projection: { lead_id: 1, phone: 1, attempt: 1, tries_from: 1 } },
    );
    if (first !== undefined) return { window, messages: [first, ...others] };
  }
  return null;
}

/** The transaction sees one moment: the range holds just the messages that were read, or somebody else's write ends it. */
async function take(tables: Tables, campaign: Campaign, request: ClaimRequest, { window, messages }: Ready): Promise<void> {
  const { campaign_id, worker } = request;
  // Others may claim from another window at the same moment, and the canary's room is for all of them together.
  if (campaign.canary_phase === "sending") await lock(tables, campaignLock(campaign_id));
  const first = messages[0].lead_id;
  const last = messages.at(-1)?.lead_id ?? first;
  const claimed = await tables.message.update(
    { _id: { $gte: messageId(campaign_id, first), $lte: messageId(campaign_id, last) }, status: "PENDING", due_at: null },
    { $set: { status: "CLAIMED", worker }, $inc: { attempt: 1 } },
  );
  if (claimed !== messages.length) throw new Error("A claim changed other messages than it read");
  const until = request.now + request.leaseMs;
  await tables.claim.insert([{ _id: new ObjectId(), worker, campaign_id, first, last, until }]);
  const changes = countChanges(tables);
  changes.movedMany(campaign_id, window, { status: "PENDING" }, { status: "CLAIMED" }, claimed);
  await changes.write();
}

async function claimedOf(
  tables: Tables,
  fields: readonly TemplateField[],
  messages: readonly MessageDocument[],
): Promise<ClaimedMessage[]> {
  const leads = await tables.lead.find(
    { _id: { $in: messages.map(({ lead_id }) => lead_id) } },
    { projection: leadProjection(fields) },
  );
  const leadOf = new Map(leads.map((lead) => [lead._id, partOfLead(lead)]));
  return messages.map(({ _id, lead_id, phone, attempt, tries_from = 0 }) => {
    return { _id, lead_id, phone, attempt: attempt + 1, tries: attempt + 1 - tries_from, lead: leadOf.get(lead_id) ?? null };
  });
}
