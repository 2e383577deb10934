/** Owns the contract of the pre-flight: it finds what the expansion and the admission would do, and keeps what was shown. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Campaign } from "../../campaign/campaign.ts";
import { NO_CONTENT } from "../../campaign/earlier-versions.ts";
import { type CampaignOptions, NO_OPTIONS } from "../../campaign/options.ts";
import { type Preflight, type PreflightDeps, preflight } from "../../campaign/preflight.ts";
import { freeze } from "../../campaign/start-campaign.ts";
import { finalOf, REMOVALS, type Removal } from "../../campaign/survey.ts";
import type { Lead, LeadInput } from "../../lead/lead.ts";
import type { Store } from "../../ports/store.ts";
import type { Rule } from "../../segment/rule.ts";
import { draft, importLeads, NOW, newId, startOf } from "../samples.ts";
import { admit, claimed, expandAll, record, rowsOf, SENT } from "./world.ts";

const CAP = { messages: 2, days: 7 };
const DAY_MS = 86_400_000;

interface Somebody {
  phone: "none" | "own" | "shared" | "shared as second" | "invalid";
  shared: number;
  consent: "unknown" | "opted_in" | "opted_out";
  tier: string | null;
  isInAudience: boolean;
  /** How many of the two campaigns before went to them. */
  before: number;
}

const somebody: fc.Arbitrary<Somebody> = fc.record({
  phone: fc.constantFrom("none", "own", "own", "shared", "shared", "shared as second", "invalid"),
  shared: fc.nat({ max: 3 }),
  consent: fc.constantFrom("unknown", "unknown", "opted_in", "opted_out"),
  tier: fc.constantFrom("gold", "gold", "silver", null),
  isInAudience: fc.boolean(),
  before: fc.nat({ max: 2 }),
});

/** Runs of one property share a store, so each has leads, numbers and tags of its own. */
let world = 0;

function leadOf({ phone, shared, consent, tier, isInAudience, before }: Somebody, index: number): LeadInput {
  const own = `+1415${String(world * 1_000 + index).padStart(7, "0")}`;
  const ofSeveral = `+4930${String(world * 10 + shared).padStart(7, "0")}`;
  const phones = { none: [], own: [own], shared: [ofSeveral], "shared as second": [own, ofSeveral], invalid: [`+${world}`] }[
    phone
  ];
  const tags = [...(isInAudience ? [`now ${world}`] : []), ...Array.from({ length: before }, (_, time) => `${time} ${world}`)];
  const metadata = tier === null ? {} : { metadata: { tier } };
  return {
    external_id: `${world} ${index}`,
    name: `Lead ${index}`,
    phones,
    tags,
    consent: { state: consent, source: null, at: NOW },
    ...metadata,
  };
}

function tagged(tag: string): Rule {
  return {
    type: "comparison",
    operator: "==",
    left: { type: "field", value: "tags" },
    right: { type: "literal", value: `${tag} ${world}` },
  };
}

/** Sends a campaign to everybody who may have it, `ago` before now, and answers to whom it went. */
async function sendBefore(store: Store, rule: Rule, ago: number): Promise<string[]> {
  const campaign = draft();
  await store.campaigns.create(campaign);
  await store.carryOut([startOf(campaign, { rule })]);
  await expandAll(store, campaign);
  const messages = await claimed(store, campaign, { max: 1_000 });
  const { admitted } = await admit(store, messages, { now: NOW - ago });
  for (const message of messages) if (admitted.includes(message._id)) await record(store, message, SENT, "w1", NOW - ago);
  return (await rowsOf(store, campaign)).filter(({ status }) => status === "SENT").map(({ lead_id }) => lead_id);
}

/** What becomes of each lead of the audience, said as plainly as can be. */
function placesOf(audience: readonly Lead[], had: readonly string[]): (Removal | "final")[] {
  return audience.map((lead, index): Removal | "final" => {
    const [phone] = lead.phones;
    if (lead.consent.state === "opted_out") return "opted_out";
    if (phone === undefined) return "no_phone";
    const isTaken = audience.slice(0, index).some((other) => other.phones[0] === phone && other.consent.state !== "opted_out");
    if (isTaken) return "duplicate_number";
    if (!/^\+\d{7,15}$/.test(phone)) return "invalid_number";
    if (lead.metadata["tier"] === undefined) return "blank_variable";
    return had.filter((id) => id === lead._id).length >= CAP.messages ? "frequency_cap" : "final";
  });
}

async function draftWith(store: Store, rule: Rule, options: Partial<CampaignOptions> = {}): Promise<Campaign> {
  const segment = { _id: newId(), name: "x", owner_user_id: "admin", rule_ast: rule, created_at: NOW, updated_at: NOW };
  await store.segments.create(segment);
  const campaign = draft({
    segment_id: segment._id,
    message_template: "Hi {{name}} in {{metadata.tier}}",
    options: { ...NO_OPTIONS, ...options },
  });
  await store.campaigns.create(campaign);
  return campaign;
}

async function shown(store: Store, campaign: Campaign): Promise<Preflight> {
  const deps: PreflightDeps = {
    store,
    bus: { commit: () => Promise.reject(new Error("Nothing may change")) },
    clock: { now: () => NOW },
  };
  const run = await preflight(deps, campaign._id, newId());
  if (run.kind !== "shown") throw new Error(`Nothing was shown: ${run.kind}`);
  return run.preflight;
}

export function describePreflight(store: () => Store): void {
  test("everybody is in one place of the waterfall, the one that a plain look at the leads gives", async () => {
    const places = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(somebody, { minLength: 1, maxLength: 24 }), async (people) => {
        world += 1;
        await importLeads(store(), people.map(leadOf));
        const had = [
          ...(await sendBefore(store(), tagged("0"), DAY_MS)),
          ...(await sendBefore(store(), tagged("1"), 2 * DAY_MS)),
        ];
        const campaign = await draftWith(store(), tagged("now"), { frequency_cap: CAP });
        const audience = await store().segments.sample(tagged("now"), 1_000, NOW);
        const expected = placesOf(audience, had);
        const { survey } = await shown(store(), campaign);

        const count = (place: string) => expected.filter((other) => other === place).length;
        expect(survey.removed).toEqual(Object.fromEntries(REMOVALS.map((removal) => [removal, count(removal)])));
        expect([survey.matched, finalOf(survey)]).toEqual([audience.length, count("final")]);
        expect(survey.blanks).toEqual(count("blank_variable") === 0 ? {} : { "metadata.tier": count("blank_variable") });
        for (const place of expected) places.add(place);
      }),
      { numRuns: 40 },
    );
    // The simulated channel may always send, so nobody is outside of its window.
    const found = REMOVALS.filter((removal) => removal !== "render_failed" && removal !== "outside_window");
    expect([...places].sort()).toEqual([...found, "final"].sort());
  });

  test("the same is found in windows of any size", async () => {
    world += 1;
    const people = fc.sample(somebody, { numRuns: 60, seed: 7 });
    await importLeads(store(), people.map(leadOf));
    const frozen = freeze(draft(), NO_CONTENT, tagged("now"), NOW);
    const found = async (leadsPerWindow: number) => {
      const leads = [];
      let after: string | null = null;
      do {
        const request = { campaign_id: newId(), frozen, frequency_cap: null, after, leadsPerWindow };
        const window: Awaited<ReturnType<Store["preflights"]["window"]>> = await store().preflights.window(request);
        leads.push(...window.leads);
        after = window.next;
      } while (after !== null);
      return leads;
    };
    const whole = await found(1_000);
    expect(whole.map(({ lead_id }) => lead_id)).toEqual(
      (await store().segments.sample(tagged("now"), 1_000, NOW)).map(({ _id }) => _id),
    );
    expect(await found(1)).toEqual(whole);
    expect(await found(7)).toEqual(whole);
  });

  test("leads that came later are not in it", async () => {
    world += 1;
    await importLeads(store(), [{ name: "Now", tags: [`now ${world}`], phones: ["+4915112345678"] }]);
    await importLeads(store(), [{ name: "Later", tags: [`now ${world}`], phones: ["+4915112345679"] }], NOW + 1);
    const frozen = freeze(draft(), NO_CONTENT, tagged("now"), NOW);
    const window = await store().preflights.window({
      campaign_id: newId(),
      frozen,
      frequency_cap: null,
      after: null,
      leadsPerWindow: 10,
    });
    expect(window.leads.map(({ lead }) => lead.name)).toEqual(["Now"]);
  });

  test("what was shown is kept for a day, and goes with its campaign", async () => {
    const campaign = await draftWith(store(), tagged("now"));
    const first = await shown(store(), campaign);
    expect(await store().preflights.read(first.token)).toEqual(first);
    expect(await store().preflights.read(newId())).toBeNull();
    const late = { ...first, token: newId(), at: NOW + DAY_MS + 1 };
    await store().preflights.keep(late);
    expect(await store().preflights.read(first.token)).toBeNull();
    await store().campaigns.remove(campaign._id);
    expect(await store().preflights.read(late.token)).toBeNull();
  });
}
