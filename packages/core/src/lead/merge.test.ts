import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readLeadChange } from "./intake.ts";
import { LEAD_LIMITS, type Lead, type LeadInput } from "./lead.ts";
import { mergeLead, newLead, replaceFields } from "./merge.ts";

const ID = "65a4b2c8d9e8f123456789ab";

const ana: Lead = newLead(
  {
    name: "Ana",
    emails: ["ana@example.com"],
    phones: ["+1234567890"],
    total_spend: 10,
    visits: 2,
    last_order_at: 50,
    tags: ["vip"],
    timezone: "Europe/Berlin",
    metadata: { tier: "gold", address: { city: "Berlin", zip: "10115" } },
  },
  ID,
  100,
);

describe("a new lead", () => {
  test("has every field, and nothing that was not said", () => {
    expect(newLead({ name: "Ana" }, ID, 100)).toEqual({
      _id: ID,
      external_id: null,
      name: "Ana",
      emails: [],
      phones: [],
      total_spend: null,
      visits: null,
      last_order_at: null,
      tags: [],
      timezone: null,
      consent: { state: "unknown", source: null, at: null },
      metadata: {},
      created_at: 100,
      updated_at: 100,
    });
  });
});

describe("merging", () => {
  test("replaces the scalars that are given and leaves the others", () => {
    const { lead, changed } = mergeLead(ana, { visits: 3, timezone: null }, 200);
    expect(changed).toBe(true);
    expect(lead).toEqual({ ...ana, visits: 3, timezone: null, updated_at: 200 });
  });

  test("unites lists, the known first", () => {
    const { lead } = mergeLead(ana, { phones: ["+1234567891", "+1234567890"], emails: ["a@b.co"], tags: [] }, 200);
    expect(lead.phones).toEqual(["+1234567890", "+1234567891"]);
    expect(lead.emails).toEqual(["ana@example.com", "a@b.co"]);
    expect(lead.tags).toEqual(["vip"]);
  });

  test("replaces metadata key by key at the top level, and keeps a null", () => {
    const { lead } = mergeLead(ana, { metadata: { tier: null, address: { city: "Köln" }, source: "fair" } }, 200);
    expect(lead.metadata).toEqual({ tier: null, address: { city: "Köln" }, source: "fair" });
  });

  test("adds an external_id, and never changes or loses it", () => {
    const { lead } = mergeLead(ana, { external_id: "7" }, 200);
    expect(lead.external_id).toBe("7");
    expect(mergeLead(lead, { name: "Anna" }, 300).lead.external_id).toBe("7");
    expect(mergeLead(lead, { external_id: null }, 300)).toEqual({ lead, changed: false });
    expect(mergeLead(lead, { external_id: "8" }, 300)).toEqual({ lead, changed: false });
  });

  test("never ends a stop by an agreement without a later moment", () => {
    const stopped = mergeLead(ana, { consent: { state: "opted_out", source: "STOP", at: 150 } }, 200).lead;
    expect(mergeLead(stopped, { consent: { state: "opted_in", source: "list", at: null } }, 300)).toEqual({
      lead: stopped,
      changed: false,
    });
    const agreed = { state: "opted_in", source: "form", at: 250 } as const;
    expect(mergeLead(stopped, { consent: agreed }, 300).lead.consent).toEqual(agreed);
  });

  test("gives the known lead back where nothing differs", () => {
    const same: LeadInput = { name: "Ana", phones: ["+1234567890"], metadata: { address: { zip: "10115", city: "Berlin" } } };
    const { lead, changed } = mergeLead(ana, same, 200);
    expect(changed).toBe(false);
    expect(lead).toBe(ana);
    expect(mergeLead(ana, {}, 200)).toEqual({ lead: ana, changed: false });
  });

  test("does not add what exceeds a limit", () => {
    const many = Array.from({ length: LEAD_LIMITS.tags }, (_, i) => `t${i}`);
    expect(mergeLead(ana, { tags: many }, 200).lead.tags).toEqual(["vip", ...many.slice(0, -1)]);
    const full = mergeLead(ana, { metadata: { first: "a".repeat(10_000) } }, 200).lead;
    expect(mergeLead(full, { metadata: { second: "b".repeat(10_000) } }, 300)).toEqual({ lead: full, changed: false });
  });

  test("leaves the known lead and the input as they were", () => {
    const before = structuredClone(ana);
    const input: LeadInput = {
      phones: ["+1234567891"],
      metadata: { a: 1 },
      consent: { state: "opted_out", source: null, at: null },
    };
    const given = structuredClone(input);
    mergeLead(ana, input, 200);
    replaceFields(ana, input, 200);
    expect(ana).toEqual(before);
    expect(input).toEqual(given);
  });
});

describe("replacing", () => {
  test("replaces every field that is given, lists and metadata as a whole", () => {
    const { lead, changed } = replaceFields(
      ana,
      { external_id: "7", phones: ["+1234567891"], tags: [], metadata: { a: 1 } },
      200,
    );
    expect(changed).toBe(true);
    expect(lead).toEqual({ ...ana, external_id: "7", phones: ["+1234567891"], tags: [], metadata: { a: 1 }, updated_at: 200 });
  });

  test("can take an external_id away", () => {
    const named = { ...ana, external_id: "7" };
    expect(replaceFields(named, { external_id: null }, 200).lead.external_id).toBeNull();
  });

  test("lets a person end a stop", () => {
    const stopped: Lead = { ...ana, consent: { state: "opted_out", source: "STOP", at: 150 } };
    expect(replaceFields(stopped, { consent: { state: "opted_in", source: "call", at: null } }, 200).lead.consent).toEqual({
      state: "opted_in",
      source: "call",
      at: 200,
    });
  });
});

describe("doing the same again", () => {
  const time = fc.integer({ min: 0, max: 500 });
  const json = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
  const list = (...items: string[]) => fc.uniqueArray(fc.constantFrom(...items));
  const input: fc.Arbitrary<LeadInput> = fc
    .record(
      {
        external_id: fc.constantFrom(null, "7", "8"),
        name: fc.constantFrom(null, "Ana", "Bo"),
        emails: list("a@b.co", "b@b.co", "c@b.co"),
        phones: list("+1234567890", "+1234567891", "+1234567892"),
        total_spend: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
        visits: fc.option(fc.nat()),
        tags: fc.uniqueArray(
          fc.integer({ min: 0, max: 80 }).map((n) => `t${n}`),
          { maxLength: 50 },
        ),
        consent: fc.record({
          state: fc.constantFrom("unknown", "opted_in", "opted_out"),
          source: fc.constantFrom("form", "STOP", null),
          at: fc.option(time.map((at) => new Date(at).toISOString())),
        }),
        metadata: json,
      },
      { requiredKeys: [] },
    )
    .map((fields) => {
      const read = readLeadChange({
        ...fields,
        ...(fields.metadata && { metadata: JSON.parse(JSON.stringify(fields.metadata)) }),
      });
      return read.ok ? read.lead : {};
    });

  test.each([
    ["merging", mergeLead],
    ["replacing", replaceFields],
  ])("%s changes nothing", (_, change) => {
    fc.assert(
      fc.property(input, input, time, time, fc.nat(100), (first, second, then, now, later) => {
        const known = newLead(first, ID, then);
        const once = change(known, second, now);
        expect(once.lead.updated_at).toBe(once.changed ? now : then);
        expect(change(once.lead, second, now)).toEqual({ lead: once.lead, changed: false });
        if ((second.consent?.at ?? 0) <= now) expect(change(once.lead, second, now + later).changed).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("merging into a new lead what it was made of changes nothing", () => {
    fc.assert(
      fc.property(input, time, (given, now) => {
        const lead = newLead(given, ID, now);
        expect(mergeLead(lead, given, now)).toEqual({ lead, changed: false });
      }),
    );
  });
});
