/** Owns the pre-flight: what a start would do, told before it happens, and a start that does just that or says what has changed. */
import type { Channel } from "../channel/channel.ts";
import type { Instant } from "../instant.ts";
import { isSameJson, type JsonValue } from "../json.ts";
import type { ContactStore } from "../ports/channel-store.ts";
import type { PreflightStore } from "../ports/store.ts";
import { allowedTo } from "./allowed.ts";
import type { Campaign, FrozenRun } from "./campaign.ts";
import { canarySize } from "./canary.ts";
import { contentOf } from "./content.ts";
import { forecastEnd, type Outlook } from "./forecast.ts";
import type { CampaignOptions } from "./options.ts";
import { type CampaignStart, freeze, type StartDeps, startRefusal } from "./start-campaign.ts";
import { emptySurvey, finalOf, REMOVALS, type Survey, surveyor, type Walk } from "./survey.ts";

/** How long a campaign may be started as it was shown. */
export const TOKEN_VALID_MS = 3_600_000;
/** A window is rendered in one go: some 10 ms. */
const LEADS_PER_WINDOW = 1_000;
const MOST_LOOKED_UP = 10_000;

/** What was shown of a campaign, and when. */
export interface Preflight {
  token: string;
  campaign_id: string;
  at: Instant;
  segment_id: string;
  /** What the start would have frozen; its cutoff is `at`. */
  frozen: FrozenRun;
  options: CampaignOptions;
  survey: Survey;
}

export interface PreflightDeps extends StartDeps {
  store: StartDeps["store"] & { preflights: PreflightStore; contacts: Pick<ContactStore, "lastTexts"> };
}

export type PreflightRun =
  | { kind: "shown"; campaign: Campaign; preflight: Preflight }
  | { kind: "not_found" }
  | { kind: "segment_not_found"; segment_id: string }
  | Extract<CampaignStart, { kind: "not_startable" | "channel_refused" }>;

/** Walks through the audience as a start would now, and keeps what it found under `token`. Nothing of the campaign changes. */
export async function preflight(deps: PreflightDeps, id: string, token: string): Promise<PreflightRun> {
  const walked = await walk(deps, id, token, null);
  if (walked.kind === "shown") await deps.store.preflights.keep(walked.preflight);
  return walked;
}

export type StartAsShown =
  | CampaignStart
  /** This campaign was never shown under that token, or more than a day ago. */
  | { kind: "preflight_not_found" }
  | { kind: "preflight_expired"; expired_at: Instant }
  /** In words, at least one. */
  | { kind: "preflight_changed"; changes: string[] };

/** Starts a campaign where everything is still as it was shown under `token`. */
export async function startAsShown(deps: PreflightDeps, id: string, token: string): Promise<StartAsShown> {
  const shown = await deps.store.preflights.read(token);
  if (shown?.campaign_id !== id) {
    return (await deps.store.campaigns.read(id)) === null ? { kind: "not_found" } : { kind: "preflight_not_found" };
  }
  const expired_at = shown.at + TOKEN_VALID_MS;
  if (deps.clock.now() >= expired_at) return { kind: "preflight_expired", expired_at };
  const walked = await walk(deps, id, token, shown.at);
  if (walked.kind !== "shown") return walked;
  const changes = changesSince(shown, walked.preflight);
  if (changes.length > 0) return { kind: "preflight_changed", changes };

  const { frozen, survey, segment_id } = walked.preflight;
  if (survey.matched === 0) return { kind: "empty_audience", segment_id };
  const seenAt = walked.campaign.updated_at;
  const input = { campaign_id: id, seenAt, frozen, expected: survey.matched, now: deps.clock.now() };
  const [start] = await deps.bus.commit([{ step: "start", input }]);
  // Somebody else started or changed it in the meantime: looked at again.
  return start.kind === "started" ? { kind: "started", audience: survey.matched } : startAsShown(deps, id, token);
}

/** `textsAt`: the moment that the texts are rendered for, so that one that tells the time is not taken for another; null: now. */
async function walk({ store, clock }: PreflightDeps, id: string, token: string, textsAt: Instant | null): Promise<PreflightRun> {
  const campaign = await store.campaigns.read(id);
  if (campaign === null) return { kind: "not_found" };
  const { options, segment_id } = campaign;
  const at = clock.now();
  const refusal = startRefusal(campaign, at);
  if (refusal !== null) return refusal;
  const segment = await store.segments.read(segment_id);
  if (segment === null) return { kind: "segment_not_found", segment_id };
  const checked = await contentOf(store, campaign);
  if (!checked.ok) return { kind: "channel_refused", reason: checked.reason };

  const frozen = freeze(campaign, checked.content, segment.rule_ast, at);
  const matching = await store.segments.count(frozen.rule, at);
  const lookUpEvery = Math.max(1, Math.ceil(matching / MOST_LOOKED_UP));
  const survey = await surveyOf(store, checked.channel, {
    campaign_id: id,
    frozen,
    options,
    textsAt: textsAt ?? at,
    lookUpEvery,
  });
  return { kind: "shown", campaign, preflight: { token, campaign_id: id, at, segment_id, frozen, options, survey } };
}

async function surveyOf(store: PreflightDeps["store"], channel: Channel, walked: Walk): Promise<Survey> {
  const { campaign_id, frozen, options } = walked;
  const survey = emptySurvey(frozen.variants.length);
  const look = surveyor(walked, survey);
  const common = { campaign_id, frozen, frequency_cap: options.frequency_cap, leadsPerWindow: LEADS_PER_WINDOW };
  const windowBehind = (after: string | null) => store.preflights.window({ ...common, after });
  let window: ReturnType<typeof windowBehind> | null = windowBehind(null);
  while (window !== null) {
    const { leads, next }: Awaited<ReturnType<typeof windowBehind>> = await window;
    // The store reads on while these are put into words.
    window = next === null ? null : windowBehind(next);
    const phones = leads.map(({ phone }) => phone);
    const allowed = await allowedTo(store.contacts, channel, phones, frozen.cutoff);
    for (const lead of leads) look(lead, allowed(lead.phone));
  }
  return survey;
}

/** What is not as it was shown, in words. */
function changesSince(shown: Preflight, now: Preflight): string[] {
  const changes: string[] = [];
  const says = ({ variants, content }: FrozenRun) => ({ variants, content });
  if (!isSame(says(shown.frozen), says(now.frozen))) changes.push("what it says");
  for (const option of ["quiet_hours", "frequency_cap", "expires_at", "canary"] as const) {
    if (!isSame(shown.options[option], now.options[option])) changes.push(`\`${option}\``);
  }
  if (shown.segment_id !== now.segment_id) changes.push("the segment that it goes to");
  else if (!isSame(shown.frozen.rule, now.frozen.rule)) changes.push("the segment's rule");

  const note = (what: string, before: number, after: number) => {
    if (before !== after) changes.push(`${what} ${before} -> ${after}`);
  };
  note("matched", shown.survey.matched, now.survey.matched);
  for (const removal of REMOVALS) note(removal, shown.survey.removed[removal], now.survey.removed[removal]);
  note("final", finalOf(shown.survey), finalOf(now.survey));
  if (changes.length === 0 && !isSame(shown.survey.digest, now.survey.digest)) {
    changes.push("who is written to, at which number, or with which words: the figures are the same");
  }
  return changes;
}

function isSame(a: unknown, b: unknown): boolean {
  return isSameJson(a as JsonValue, b as JsonValue);
}

/** How many would go first; null without a canary. */
export function firstOf({ options: { canary }, survey }: Pick<Preflight, "options" | "survey">): number | null {
  return canary === null ? null : Math.min(finalOf(survey), canarySize({ expected: survey.matched }, canary));
}

/**
 * When the last of them would go out; null where nobody would, or nothing is known of how fast it goes. Whoever is in quiet hours
 * goes when the last of those that hold now are over, and with a canary the others go after its wait.
 */
export function forecastOf(
  shown: Pick<Preflight, "options" | "survey">,
  channel: Omit<Outlook, "pending" | "quietUntil">,
): Instant | null {
  const { options, survey } = shown;
  const final = finalOf(survey);
  const first = firstOf(shown) ?? final;
  const firstEnd = forecastEnd({ ...channel, pending: first, quietUntil: null });
  const rest = { ...channel, ahead: 0, use: null };
  const goesOnAt = firstEnd === null || options.canary === null ? null : firstEnd + options.canary.wait_minutes * 60_000;
  const restEnd = goesOnAt === null ? null : forecastEnd({ ...rest, pending: final - first, quietUntil: goesOnAt });
  const quietEnd = forecastEnd({ ...rest, pending: survey.quiet.leads, quietUntil: survey.quiet.until });
  // All of them together are people of the same days, however a canary and quiet hours part them.
  const allEnd = forecastEnd({ ...channel, pending: final, quietUntil: null });
  const ends = [firstEnd, restEnd, quietEnd, allEnd].filter((end) => end !== null);
  return ends.length === 0 ? null : Math.max(...ends);
}
