/** Owns the survey of an audience: what would become of each lead if the campaign ran now, and with which words. */
import { hashOf } from "../chance.ts";
import type { Instant } from "../instant.ts";
import type { Lead } from "../lead/lead.ts";
import { isAssigned, isE164 } from "../lead/phone.ts";
import type { Content } from "../message/content.ts";
import { messageId } from "../message/message.ts";
import type { Rendered } from "../template/template.ts";
import type { FrozenRun } from "./campaign.ts";
import type { CampaignOptions } from "./options.ts";
import { quietUntil } from "./quiet-hours.ts";
import { type Allowed, type Worded, wordsFor } from "./words.ts";

/** Why somebody would not be written to, by the ledger's codes, in the order in which people read them. */
export const REMOVALS = [
  "no_phone",
  "invalid_number",
  "duplicate_number",
  "opted_out",
  "frequency_cap",
  "outside_window",
  "blank_variable",
  "render_failed",
] as const;
export type Removal = (typeof REMOVALS)[number];

/** What of a removal the store decides, while it looks at leads or at what they were sent; the words decide the rest. */
export type StoreRemoval = Extract<Removal, "no_phone" | "duplicate_number" | "opted_out" | "frequency_cap">;

/** What is walked through. */
export interface Walk {
  campaign_id: string;
  /** What a start would freeze; the cutoff is the moment of the walk. */
  frozen: FrozenRun;
  options: Pick<CampaignOptions, "frequency_cap" | "quiet_hours">;
  /** What `now` means in the texts. */
  textsAt: Instant;
  /** Each so manieth number is looked up in its country's numbering plan, which takes some 50 µs. */
  lookUpEvery: number;
}

/** A lead that matches, as the store sees it; `lead` has its name and the fields that the texts read. */
export interface SurveyedLead {
  lead_id: string;
  phone: string | null;
  removal: StoreRemoval | null;
  lead: Lead;
}

/** Says of those among `leads` who can be written to that they are duplicates, or else have had enough. */
export function markRemoved(
  leads: readonly SurveyedLead[],
  removed: { duplicates: ReadonlySet<string>; capped: ReadonlySet<string> },
): void {
  for (const lead of leads) {
    if (lead.removal !== null) continue;
    if (removed.duplicates.has(lead.lead_id)) lead.removal = "duplicate_number";
    else if (removed.capped.has(lead.lead_id)) lead.removal = "frequency_cap";
  }
}

/** One message as it would be. */
export interface SampleText {
  lead_id: string;
  name: string | null;
  phone: string;
  /** The index of its text. */
  variant: number;
  worded: Worded;
}

/** What has been found. */
export interface Survey {
  matched: number;
  removed: Record<Removal, number>;
  /** How many would be sent each text, or the template in its place. */
  variants: number[];
  /** How many of them would get the template, because nothing else may be sent to them. */
  by_template: number;
  /** Numbers in no range that their country has given out, among those that were looked up. */
  doubtful: { found: number; lookedUp: number };
  /** Who would wait for the end of quiet hours, and when the last of those end. */
  quiet: { leads: number; until: Instant | null };
  /** By variable, how many leads have nothing for it. */
  blanks: Record<string, number>;
  /** Some that would be sent, of each text the same number. */
  samples: SampleText[];
  /** Some that have a hole, or cannot be put into words. */
  holes: SampleText[];
  longest: SampleText | null;
  shortest: SampleText | null;
  /** Stands for every lead with what becomes of it; equal digests, equal outcomes. */
  digest: [number, number];
}

const SAMPLES = 10;
const HOLES = 5;

export function emptySurvey(variants: number): Survey {
  return {
    matched: 0,
    removed: {
      no_phone: 0,
      invalid_number: 0,
      duplicate_number: 0,
      opted_out: 0,
      frequency_cap: 0,
      outside_window: 0,
      blank_variable: 0,
      render_failed: 0,
    },
    variants: Array.from({ length: variants }, () => 0),
    by_template: 0,
    doubtful: { found: 0, lookedUp: 0 },
    quiet: { leads: 0, until: null },
    blanks: {},
    samples: [],
    holes: [],
    longest: null,
    shortest: null,
    digest: [0, 0],
  };
}

/** How many would be sent a message. */
export function finalOf({ variants }: Pick<Survey, "variants">): number {
  return variants.reduce((sum, messages) => sum + messages, 0);
}

/**
 * Returns how to add a lead to `found`, with what may be sent to it. Everybody has one place: the reason that the ledger would give, or among those who are
 * sent to. As when sending, the words are looked at before the frequency cap.
 */
export function surveyor(walk: Walk, found: Survey): (lead: SurveyedLead, allowed: Allowed) => void {
  const quietEnd = quietEndBy(walk);
  return ({ lead_id, phone, removal, lead }, allowed) => {
    found.matched += 1;
    if (removal !== null && removal !== "frequency_cap") return remove(found, lead_id, removal);
    if (phone === null) return remove(found, lead_id, "no_phone");
    if (!isE164(phone)) return remove(found, lead_id, "invalid_number");
    const { variant, worded } = wordsFor(walk.frozen, messageId(walk.campaign_id, lead_id), lead, walk.textsAt, allowed);
    if (worded.kind === "outside_window") return remove(found, lead_id, "outside_window");
    const message = { lead_id, name: lead.name, phone, variant, worded };
    if (worded.kind !== "content") return leaveHole(found, message, worded);
    if (removal !== null) return remove(found, lead_id, removal);
    send(found, message, worded.content);
    if (found.matched % walk.lookUpEvery === 0) lookUp(found, phone);
    const until = quietEnd(lead.timezone);
    if (until !== null) found.quiet = { leads: found.quiet.leads + 1, until: Math.max(found.quiet.until ?? 0, until) };
  };
}

/** When quiet hours end that hold at the moment of the walk; looked up once for each time zone. */
function quietEndBy({ options: { quiet_hours }, frozen: { cutoff } }: Walk): (timezone: string | null) => Instant | null {
  if (quiet_hours === null) return () => null;
  const ends = new Map<string | null, Instant | null>();
  return (timezone) => {
    const known = ends.get(timezone);
    if (known !== undefined) return known;
    const end = quietUntil(quiet_hours, timezone, cutoff);
    ends.set(timezone, end);
    return end;
  };
}

function remove(found: Survey, leadId: string, removal: Removal): void {
  found.removed[removal] += 1;
  digest(found, `${leadId} ${removal}`);
}

function leaveHole(found: Survey, message: SampleText, hole: Exclude<Rendered, { kind: "text" }>): void {
  const { lead_id } = message;
  if (found.holes.length < HOLES) found.holes.push(message);
  if (hole.kind !== "blank") return remove(found, lead_id, "render_failed");
  found.blanks[hole.variable] = (found.blanks[hole.variable] ?? 0) + 1;
  remove(found, lead_id, "blank_variable");
}

function send(found: Survey, message: SampleText, { text, template }: Content): void {
  if (template !== null) found.by_template += 1;
  const before = found.variants[message.variant] ?? 0;
  found.variants[message.variant] = before + 1;
  if (before < Math.ceil(SAMPLES / found.variants.length)) found.samples.push(message);
  if (found.longest === null || text.length > lengthOf(found.longest)) found.longest = message;
  if (found.shortest === null || text.length < lengthOf(found.shortest)) found.shortest = message;
  digest(found, `${message.lead_id} ${message.phone} ${text}`);
}

function lookUp({ doubtful }: Survey, phone: string): void {
  doubtful.lookedUp += 1;
  if (!isAssigned(phone)) doubtful.found += 1;
}

export function lengthOf({ worded }: SampleText): number {
  return worded.kind === "content" ? worded.content.text.length : 0;
}

function digest(found: Survey, line: string): void {
  const [high, low] = hashOf(0, line);
  found.digest = [(found.digest[0] + high) >>> 0, (found.digest[1] + low) >>> 0];
}
