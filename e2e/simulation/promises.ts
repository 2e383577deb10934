/** Owns what a simulated run must keep: what is looked at with every transaction, and the ledger at the end. */
import { readCampaign } from "@mini-crm/adapters/sqlite/campaigns";
import type { Connection } from "@mini-crm/adapters/sqlite/connection";
import { type Campaign, type CampaignStatus, ledgerOf, type MessageCounts, noMessages } from "@mini-crm/core/campaign/campaign";
import { canaryRoom, canarySize } from "@mini-crm/core/campaign/canary";
import type { RateLimit } from "@mini-crm/core/channel/limits";
import { MESSAGE_STATUSES, type Message, type MessageStatus, messageId } from "@mini-crm/core/message/message";
import type { CampaignMove, MessageMove, Moves } from "./watched-database.ts";

/** Says which promise was broken, and by what. */
export type Violate = (violation: string) => void;

/** Where a message may go from each status: forward, or back to PENDING while it surely has not left. */
const MESSAGE_WAYS: Record<MessageStatus, readonly MessageStatus[]> = {
  PENDING: ["CLAIMED", "SKIPPED", "CANCELLED"],
  CLAIMED: ["SENDING", "PENDING", "SKIPPED", "FAILED", "CANCELLED"],
  SENDING: ["SENT", "FAILED", "DELIVERED", "READ", "UNCERTAIN", "PENDING", "SKIPPED", "CANCELLED"],
  UNCERTAIN: ["SENT", "FAILED", "DELIVERED", "READ", "PENDING", "SKIPPED", "CANCELLED"],
  SENT: ["FAILED", "DELIVERED", "READ"],
  FAILED: ["DELIVERED", "READ"],
  DELIVERED: ["READ"],
  READ: [],
  SKIPPED: [],
  CANCELLED: [],
};

const CAMPAIGN_WAYS: Record<CampaignStatus, readonly CampaignStatus[]> = {
  DRAFT: ["SCHEDULED", "RUNNING"],
  SCHEDULED: ["DRAFT", "RUNNING", "CANCELLED"],
  RUNNING: ["PAUSED", "COMPLETED", "CANCELLED", "FAILED"],
  PAUSED: ["RUNNING", "CANCELLED"],
  // A worker that was frozen says that a message surely did not go out.
  COMPLETED: ["RUNNING"],
  CANCELLED: [],
  FAILED: [],
};

const STARTS_AS: readonly MessageStatus[] = ["PENDING", "SKIPPED"];

/** Looks at every transaction as it happens. */
export function watchPromises(connection: Connection, violate: Violate): (moves: Moves) => void {
  /** Counted here from the moves alone, and so independent of the store's own counters. */
  const counted = new Map<string, MessageCounts>();

  return ({ messages, campaigns }) => {
    for (const move of messages) {
      const counts = counted.get(move.campaign_id) ?? noMessages();
      counted.set(move.campaign_id, counts);
      if (move.from !== null) counts[move.from] -= 1;
      counts[move.to] += 1;
      judgeMessage(move, violate);
    }
    for (const move of campaigns) judgeCampaign(move, violate);
    for (const id of new Set([...messages, ...campaigns].map(({ campaign_id }) => campaign_id))) {
      const campaign = readCampaign(connection, id);
      if (campaign !== null) judgeLedger(campaign, counted.get(id) ?? noMessages(), violate);
    }
  };
}

function judgeMessage({ campaign_id, lead_id, from, to, campaignStatus, consent }: MessageMove, violate: Violate): void {
  const name = `Message ${messageId(campaign_id, lead_id)}`;
  const ways = from === null ? STARTS_AS : MESSAGE_WAYS[from];
  if (!ways.includes(to)) violate(`${name} went from ${from ?? "nothing"} to ${to}`);
  if (to !== "SENDING") return;
  if (campaignStatus !== "RUNNING") violate(`${name} was admitted while its campaign was ${campaignStatus}`);
  if (consent === "opted_out") violate(`${name} was admitted although its lead had opted out`);
}

function judgeCampaign({ campaign_id, from, to }: CampaignMove, violate: Violate): void {
  if (!CAMPAIGN_WAYS[from].includes(to)) violate(`Campaign ${campaign_id} went from ${from} to ${to}`);
}

/** At every moment the counters equal the rows, and everybody in the audience is accounted for. */
function judgeLedger(campaign: Campaign, counted: MessageCounts, violate: Violate): void {
  for (const status of MESSAGE_STATUSES) {
    if (campaign.counts[status] === counted[status]) continue;
    violate(`Campaign ${campaign._id} counts ${campaign.counts[status]} messages ${status}, and there are ${counted[status]}`);
  }
  const { audience, sent, failed, skipped, uncertain, cancelled, pending } = ledgerOf(campaign);
  const waiting = counted.PENDING + counted.CLAIMED + counted.SENDING;
  const unwritten = campaign.expanded ? 0 : audience - MESSAGE_STATUSES.reduce((sum, status) => sum + counted[status], 0);
  if (audience !== sent + failed + skipped + uncertain + cancelled + pending || pending !== waiting + unwritten) {
    violate(`The ledger of campaign ${campaign._id} does not close: of ${audience}, ${pending} are pending and ${waiting} wait`);
  }
  const { canary } = campaign.options;
  if (canary !== null && campaign.canary_phase === "sending" && canaryRoom(campaign, canary) < 0) {
    violate(`Campaign ${campaign._id} sends to more than its canary of ${canarySize(campaign, canary)}`);
  }
  if (campaign.status === "COMPLETED" && waiting > 0) {
    violate(`Campaign ${campaign._id} is COMPLETED, and ${waiting} of its messages wait`);
  }
}

/** What is known of a run when everything has come to rest. */
export interface Rested {
  campaigns: {
    campaign: Campaign;
    rows: readonly Message[];
    /** Who was in the audience when it was started, and could not have left it before it was written down. */
    audience: ReadonlySet<string>;
    /** Leads that came after the start. */
    latecomers: ReadonlySet<string>;
  }[];
  channels: {
    id: string;
    rate: RateLimit | null;
    sent: { messageId: string; to: string; handedOverAt: number; final: MessageStatus }[];
  }[];
  /** Processes that crashed or froze: they are what may leave a message uncertain. */
  unlucky: ReadonlySet<string>;
  /** Who admitted each message last. */
  admittedBy: ReadonlyMap<string, string>;
  /** By how much clocks differed at the most. */
  clocksDifferByMs: number;
  deadLetters: readonly unknown[];
}

/** The ledger against the outbox, in both directions. */
export function judgeAtRest(rested: Rested, violate: Violate): void {
  const rows = new Map<string, Message>();
  for (const { campaign, rows: itsRows, audience, latecomers } of rested.campaigns) {
    judgeLedger(campaign, countRows(itsRows), violate);
    for (const row of itsRows) {
      rows.set(row._id, row);
      if (latecomers.has(row.lead_id)) violate(`Lead ${row.lead_id} came after the start of campaign ${campaign._id}`);
    }
    const written = new Set(itsRows.map(({ lead_id }) => lead_id));
    // Who had no row when it was over has none.
    const mayMiss = campaign.status === "CANCELLED" || campaign.options.expires_at !== null;
    const missing = mayMiss ? [] : [...audience].filter((id) => !written.has(id));
    if (missing.length > 0) violate(`Campaign ${campaign._id} has no row for ${missing.join(", ")}`);
    const waits = itsRows.find(({ status }) => status === "PENDING" || status === "CLAIMED" || status === "SENDING");
    if (waits !== undefined) violate(`Message ${waits._id} is ${waits.status} for ever in a campaign that is ${campaign.status}`);
  }
  for (const channel of rested.channels) {
    judgeOutbox(channel, rows, violate);
    judgeRate(channel, rested.clocksDifferByMs, violate);
  }
  judgeUnsent(rested, rows, violate);
  if (rested.deadLetters.length > 0) violate(`There are dead letters: ${JSON.stringify(rested.deadLetters.slice(0, 3))}`);
}

function countRows(rows: readonly Message[]): MessageCounts {
  const counts = noMessages();
  for (const { status } of rows) counts[status] += 1;
  return counts;
}

/**
 * Whatever left is in the ledger, as far along as its receipts say; nothing left twice, and nothing of a campaign twice to one
 * number.
 */
function judgeOutbox({ id, sent }: Rested["channels"][number], rows: ReadonlyMap<string, Message>, violate: Violate): void {
  const left = new Set<string>();
  const recipients = new Set<string>();
  for (const { messageId: message, to, final } of sent) {
    if (left.has(message)) violate(`Message ${message} left twice on channel ${id}`);
    left.add(message);
    const row = rows.get(message);
    if (row?.status !== final)
      violate(`Message ${message} is ${row?.status ?? "nowhere"} in the ledger, and ${final} at WhatsApp`);
    if (row === undefined) continue;
    const recipient = `${row.campaign_id} ${to}`;
    if (recipients.has(recipient)) violate(`Two messages of campaign ${row.campaign_id} went to ${to}`);
    recipients.add(recipient);
  }
}

/** Whatever the ledger calls sent has left, and whatever it calls uncertain, a crash or a freeze explains. */
function judgeUnsent({ channels, unlucky, admittedBy }: Rested, rows: ReadonlyMap<string, Message>, violate: Violate): void {
  const left = new Set(channels.flatMap(({ sent }) => sent.map(({ messageId: message }) => message)));
  for (const { _id, status } of rows.values()) {
    if (left.has(_id)) continue;
    if (status === "SENT" || status === "DELIVERED" || status === "READ") violate(`Message ${_id} is ${status} and never left`);
    if (status === "UNCERTAIN" && !unlucky.has(admittedBy.get(_id) ?? ""))
      violate(`Nothing explains why message ${_id} is UNCERTAIN`);
  }
}

/** A message leaves within a second of being admitted, so on the wire a second less of a window keeps the limit. */
const LATEST_START_MS = 1_000;

/**
 * No window holds more than the limit, as messages are handed over: how long WhatsApp then takes is nobody's promise. By as much
 * as clocks differ, processes cannot agree when a window is over.
 */
function judgeRate({ id, rate, sent }: Rested["channels"][number], clocksDifferByMs: number, violate: Violate): void {
  if (rate === null) return;
  const leastMs = rate.windowMs - LATEST_START_MS - clocksDifferByMs;
  const times = sent.map(({ handedOverAt }) => handedOverAt).sort((a, b) => a - b);
  for (const [index, first] of times.entries()) {
    const oneTooMany = times[index + rate.messages];
    if (oneTooMany === undefined || oneTooMany - first >= leastMs) continue;
    violate(`Channel ${id} sent more than ${rate.messages} messages in ${oneTooMany - first} of ${leastMs} ms`);
    return;
  }
}
