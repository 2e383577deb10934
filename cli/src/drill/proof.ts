/** Owns the proof: what a drill has to show at its end, and the judgement on every promise. */
import type { CampaignJson } from "@mini-crm/wire/campaign";
import type { StatusBreakdown } from "@mini-crm/wire/delivery";
import type { MessageJson } from "@mini-crm/wire/message";
import { campaignsThatRan, readLedger } from "./campaigns.ts";
import type { System } from "./system.ts";
import type { Departed, OutsideWorld } from "./whatsapp.ts";

export type Row = Pick<MessageJson, "_id" | "status" | "phone" | "text" | "code" | "reason">;

export interface Evidence {
  /** How many recipients each campaign was run to. */
  leads: number;
  /** 0 for no limit. */
  messagesPerMinute: number;
  campaigns: { view: Pick<CampaignJson, "_id" | "status" | "stats">; counters: StatusBreakdown; rows: Row[] }[];
  /** What really left, from the outside world's own file. */
  departed: Departed[];
  /** How many messages left more than once, as its witness counts it. */
  sentMoreThanOnce: number;
}

/** A promise, what broke it, and what it says where nothing did. */
export interface Finding {
  promise: string;
  violations: number;
  /** A few of what broke it. */
  examples: string[];
}

export interface Proof {
  figures: { name: string; value: number }[];
  findings: Finding[];
}

const MOST_EXAMPLES = 5;
const MINUTE_MS = 60_000;

/** Reads everything that a proof needs from a system at rest. */
export async function readEvidence(
  system: System,
  outside: Pick<OutsideWorld, "outbox">,
  { leads, messagesPerMinute }: Pick<Evidence, "leads" | "messagesPerMinute">,
): Promise<Evidence> {
  const campaigns: Evidence["campaigns"] = [];
  for (const view of await campaignsThatRan(system)) campaigns.push({ view, ...(await readLedger(system, view._id)) });
  return { leads, messagesPerMinute, campaigns, ...(await outside.outbox(system)) };
}

/** Judges every promise on the evidence alone. */
export function judge(evidence: Evidence): Proof {
  const rows = new Map(evidence.campaigns.flatMap((campaign) => campaign.rows.map((row) => [row._id, row])));
  const departed = Map.groupBy(evidence.departed, ({ message_id }) => message_id);
  const most = mostInAMinute(evidence.departed);
  const count = (...statuses: Row["status"][]) => [...rows.values()].filter(({ status }) => statuses.includes(status)).length;
  const uncertain = [...rows.values()].filter(({ status }) => status === "UNCERTAIN");
  return {
    figures: [
      { name: "campaigns", value: evidence.campaigns.length },
      { name: "recipients", value: evidence.campaigns.length * evidence.leads },
      { name: "rows in the ledger", value: rows.size },
      { name: "messages that left", value: departed.size },
      { name: "sent, as the ledger has it", value: count("SENT", "DELIVERED", "READ") },
      { name: "failed, each with WhatsApp's reason", value: count("FAILED") },
      { name: "uncertain, and never left", value: uncertain.filter(({ _id }) => !departed.has(_id)).length },
      { name: "most messages in any 60 s", value: most },
    ],
    findings: [
      finding("nobody is lost", lost(evidence, rows, departed)),
      finding("nobody is sent a message twice", sentTwice(evidence, departed)),
      finding("what left is in the ledger as what became of it", untold(rows, departed)),
      finding("what is uncertain did not leave, and says why", unexplained(uncertain, departed)),
      finding("what failed or was skipped says why", withoutReason(rows.values())),
      finding("the text and the number that left are the ledger's", otherwiseSent(evidence.departed, rows)),
      finding("counters equal rows", evidence.campaigns.flatMap(wrongCounters)),
      finding("audience = sent + failed + skipped + uncertain + cancelled + pending", evidence.campaigns.flatMap(wrongSums)),
      finding("every campaign is completed", evidence.campaigns.flatMap(unfinished)),
      finding(`no 60 s hold more than ${evidence.messagesPerMinute} messages`, tooFast(evidence, most)),
    ],
  };
}

function finding(promise: string, violations: readonly string[]): Finding {
  return { promise, violations: violations.length, examples: violations.slice(0, MOST_EXAMPLES) };
}

/** Recipients without a row, rows that came to no end, and rows that say "sent" of what never left. */
function lost({ campaigns, leads }: Evidence, rows: ReadonlyMap<string, Row>, departed: ReadonlyMap<string, unknown>): string[] {
  const missing = campaigns.flatMap(({ view, rows: own }) =>
    Array.from(
      { length: Math.max(0, leads - new Set(own.map(({ _id }) => _id)).size) },
      () => `a recipient of ${view._id} has no row`,
    ),
  );
  const unsent = [...rows.values()].flatMap(({ _id, status }) => {
    if (status === "PENDING" || status === "CLAIMED" || status === "SENDING") return [`${_id} is still ${status}`];
    const isSent = status === "SENT" || status === "DELIVERED" || status === "READ";
    return isSent && !departed.has(_id) ? [`${_id} is ${status}, but never left`] : [];
  });
  return [...missing, ...unsent];
}

function sentTwice({ sentMoreThanOnce }: Evidence, departed: ReadonlyMap<string, readonly Departed[]>): string[] {
  const twice = [...departed].flatMap(([id, times]) => {
    return times.length > 1 ? [`${id} left ${times.length} times: ${times.map(({ at }) => at).join(", ")}`] : [];
  });
  return twice.length === sentMoreThanOnce
    ? twice
    : [...twice, `the witness counts ${sentMoreThanOnce}, its list ${twice.length}`];
}

/** What left must stand in the ledger as the furthest that became of it, once every receipt has come. */
function untold(rows: ReadonlyMap<string, Row>, departed: ReadonlyMap<string, readonly Departed[]>): string[] {
  return [...departed].flatMap(([id, times]) => {
    const seen = new Set(times.flatMap(({ receipts }) => receipts.map(({ status }) => status)));
    const furthest = (["READ", "DELIVERED", "FAILED"] as const).find((status) => seen.has(status)) ?? "SENT";
    const told = rows.get(id)?.status ?? "not in the ledger";
    return told === furthest ? [] : [`${id} is ${furthest}, but in the ledger ${told}`];
  });
}

/** Only a process that ended between admitting a message and handing it over may leave one that never went. */
function unexplained(uncertain: readonly Row[], departed: ReadonlyMap<string, unknown>): string[] {
  return uncertain.flatMap(({ _id, code, reason }) => {
    if (departed.has(_id)) return [`${_id} left, and stays uncertain`];
    return code === "lease_expired" && reason !== null ? [] : [`${_id} did not leave, and says ${code}: ${reason}`];
  });
}

function withoutReason(rows: Iterable<Row>): string[] {
  return [...rows].flatMap(({ _id, status, code, reason }) => {
    const needsReason = status === "FAILED" || status === "SKIPPED";
    return needsReason && (code === null || reason === null) ? [`${_id} is ${status} without a reason`] : [];
  });
}

function otherwiseSent(departed: readonly Departed[], rows: ReadonlyMap<string, Row>): string[] {
  return departed.flatMap(({ message_id, to, text }) => {
    const row = rows.get(message_id);
    return row === undefined || (row.phone === to && row.text === text) ? [] : [`${message_id} left as "${text}" to ${to}`];
  });
}

/** The API's counters are cumulative: what was read counts as delivered and as sent. */
function wrongCounters({ view, counters, rows }: Evidence["campaigns"][number]): string[] {
  const count = (...statuses: Row["status"][]) => rows.filter(({ status }) => statuses.includes(status)).length;
  const counted: StatusBreakdown = {
    SENT: count("SENT", "DELIVERED", "READ"),
    DELIVERED: count("DELIVERED", "READ"),
    READ: count("READ"),
    FAILED: count("FAILED"),
    SKIPPED: count("SKIPPED"),
    UNCERTAIN: count("UNCERTAIN"),
    CANCELLED: count("CANCELLED"),
    PENDING: count("PENDING", "CLAIMED", "SENDING"),
  };
  const wrong = (name: string, counter: number, ofRows: number) =>
    counter === ofRows ? [] : [`${view._id} counts ${counter} ${name}, and has ${ofRows}`];
  const statuses = Object.keys(counted) as (keyof StatusBreakdown)[];
  return [
    ...statuses.flatMap((status) => wrong(status, counters[status], counted[status])),
    ...wrong("recipients", view.stats.audience, rows.length),
  ];
}

function wrongSums({ view }: Evidence["campaigns"][number]): string[] {
  const { audience, sent, failed, skipped, uncertain, cancelled, pending } = view.stats;
  const sum = sent + failed + skipped + uncertain + cancelled + pending;
  return sum === audience ? [] : [`${view._id} has an audience of ${audience}, and accounts for ${sum}`];
}

function unfinished({ view }: Evidence["campaigns"][number]): string[] {
  return view.status === "COMPLETED" ? [] : [`${view._id} is ${view.status}, with ${view.stats.pending} pending`];
}

function tooFast({ messagesPerMinute }: Evidence, most: number): string[] {
  return messagesPerMinute === 0 || most <= messagesPerMinute ? [] : [`one minute holds ${most}`];
}

/** The most messages that were given to WhatsApp in any 60 seconds. */
export function mostInAMinute(departed: readonly Pick<Departed, "handed_over_at">[]): number {
  const times = departed.map(({ handed_over_at }) => Date.parse(handed_over_at)).sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - MINUTE_MS) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
