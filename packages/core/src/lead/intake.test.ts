import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Problem } from "../problem.ts";
import { isRecognisable, readLead, readLeadChange } from "./intake.ts";
import type { LeadInput } from "./lead.ts";

function leadOf(input: unknown): LeadInput {
  const read = readLead(input);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.lead;
}

function problemsOf(input: unknown): Problem[] {
  const read = readLead(input);
  if (read.ok) throw new Error(`was read as ${JSON.stringify(read.lead)}`);
  return read.problems;
}

/** The lead as a caller would write it: with times as text. */
function written({ last_order_at: orderedAt, consent, ...rest }: LeadInput): object {
  const iso = (time: number | null) => (time === null ? null : new Date(time).toISOString());
  return {
    ...rest,
    ...(orderedAt !== undefined && { last_order_at: iso(orderedAt) }),
    ...(consent !== undefined && { consent: { ...consent, at: iso(consent.at) } }),
  };
}

/** The one problem of a lead that has a name and these fields. */
function problemOf(fields: object): Problem {
  const problems = problemsOf({ name: "Ana", ...fields });
  expect(problems).toHaveLength(1);
  return problems[0] ?? { field: "", rule: "", message: "" };
}

describe("a lead", () => {
  test("is read and normalised", () => {
    const read = leadOf({
      external_id: " crm-17 ",
      name: "  John Doe ",
      emails: ["John.Doe@Example.com ", "john.doe@example.com"],
      phones: ["+1 (234) 567-890", "+1234567890", "+49 (0) 30 901820"],
      total_spend: 1500.0,
      visits: 8,
      last_order_at: "2025-01-10T10:00:00.000Z",
      tags: ["vip", " vip", "Berlin"],
      timezone: "europe/berlin",
      consent: { state: "opted_in", source: "form", at: "2025-01-01" },
      metadata: { source: "website", preferences: ["electronics"] },
    });
    expect(read).toEqual({
      external_id: "crm-17",
      name: "John Doe",
      emails: ["john.doe@example.com"],
      phones: ["+1234567890", "+4930901820"],
      total_spend: 1500,
      visits: 8,
      last_order_at: Date.UTC(2025, 0, 10, 10),
      tags: ["vip", "Berlin"],
      timezone: "Europe/Berlin",
      consent: { state: "opted_in", source: "form", at: Date.UTC(2025, 0, 1) },
      metadata: { source: "website", preferences: ["electronics"] },
    });
  });

  test("leaves absent what is not given", () => {
    expect(leadOf({ name: "Ana" })).toEqual({ name: "Ana" });
  });

  test("takes null and empty texts as nothing", () => {
    const nothing = {
      external_id: "",
      emails: null,
      phones: ["", null],
      tags: [" "],
      timezone: "",
      last_order_at: "",
      total_spend: null,
    };
    expect(leadOf({ name: "Ana", ...nothing, consent: null, metadata: null })).toEqual({
      name: "Ana",
      external_id: null,
      emails: [],
      phones: [],
      tags: [],
      timezone: null,
      last_order_at: null,
      total_spend: null,
      metadata: {},
    });
  });

  test("may say its consent in one word", () => {
    expect(leadOf({ name: "Ana", consent: "opted_out" }).consent).toEqual({ state: "opted_out", source: null, at: null });
  });

  test("may have a negative sum, for refunds", () => {
    expect(leadOf({ name: "Ana", total_spend: -12.5 }).total_spend).toBe(-12.5);
  });

  test("reads phones without a country code as numbers of the default country", () => {
    expect(readLead({ phones: ["030 901820"] }, "DE")).toEqual({ ok: true, lead: { phones: ["+4930901820"] } });
  });

  test.each([{ name: "Ana" }, { emails: ["a@b.co"] }, { phones: ["+1234567890"] }, { external_id: "7" }])(
    "may be known by %j alone",
    (input) => {
      expect(readLead(input).ok).toBe(true);
      expect(isRecognisable(leadOf(input))).toBe(true);
    },
  );

  test.each([{}, { name: " " }, { tags: ["vip"], emails: [], phones: [""] }])(
    "that is known by nothing is refused: %j",
    (input) => {
      expect(problemsOf(input)).toEqual([
        {
          field: "",
          rule: "required",
          message: "A lead needs something to be known by: give at least one of `name`, `emails`, `phones` and `external_id`.",
        },
      ]);
      expect(readLeadChange(input).ok).toBe(true);
    },
  );

  test.each([null, [], "Ana", 7, undefined])("must be an object: %j", (input) => {
    expect(problemsOf(input)[0]?.rule).toBe("type");
  });
});

describe("a problem", () => {
  test.each([
    [{ name: 7 }, "name", "type"],
    [{ name: "n".repeat(201) }, "name", "max_length"],
    [{ name: "a\0b" }, "name", "text"],
    [{ name: "\ud83d" }, "name", "text"],
    [{ external_id: 17 }, "external_id", "type"],
    [{ external_id: "x".repeat(201) }, "external_id", "max_length"],
    [{ emails: "ana@example.com" }, "emails", "type"],
    [{ emails: Array.from({ length: 21 }, (_, i) => `a${i}@b.co`) }, "emails", "max_items"],
    [{ emails: ["ana@example.com", "bob"] }, "emails[1]", "email"],
    [{ emails: ["a@b"] }, "emails[0]", "email"],
    [{ emails: ["a@b@c.co"] }, "emails[0]", "email"],
    [{ emails: ["a b@c.co"] }, "emails[0]", "email"],
    [{ emails: ["a@c.co,b@c.co"] }, "emails[0]", "email"],
    [{ emails: ["a@b..co"] }, "emails[0]", "email"],
    [{ emails: [`${"a".repeat(250)}@b.co`] }, "emails[0]", "max_length"],
    [{ emails: [`${"İ".repeat(200)}@b.co`] }, "emails[0]", "email"],
    [{ emails: [7] }, "emails[0]", "type"],
    [{ phones: ["030 901820"] }, "phones[0]", "phone"],
    [{ phones: [1234567890] }, "phones[0]", "type"],
    [{ phones: Array.from({ length: 21 }, (_, i) => `+12345678${10 + i}`) }, "phones", "max_items"],
    [{ tags: Array.from({ length: 51 }, (_, i) => `t${i}`) }, "tags", "max_items"],
    [{ tags: ["t".repeat(101)] }, "tags[0]", "max_length"],
    [{ total_spend: "1500" }, "total_spend", "type"],
    [{ total_spend: Infinity }, "total_spend", "range"],
    [{ visits: 1.5 }, "visits", "range"],
    [{ visits: -1 }, "visits", "range"],
    [{ visits: 2 ** 53 }, "visits", "range"],
    [{ last_order_at: "yesterday" }, "last_order_at", "time"],
    [{ last_order_at: 1736503200000 }, "last_order_at", "time"],
    [{ last_order_at: "2025-02-30" }, "last_order_at", "time"],
    [{ last_order_at: "0025-01-10" }, "last_order_at", "range"],
    [{ last_order_at: "2205-01-10" }, "last_order_at", "range"],
    [{ timezone: "Mars/Olympus" }, "timezone", "time_zone"],
    [{ timezone: "+02:00" }, "timezone", "time_zone"],
    [{ consent: "yes" }, "consent", "one_of"],
    [{ consent: { source: "form" } }, "consent.state", "one_of"],
    [{ consent: { state: "opted_in", at: "soon" } }, "consent.at", "time"],
    [{ consent: { state: "opted_in", when: "2025-01-01" } }, "consent", "unknown_field"],
    [{ metadata: [] }, "metadata", "type"],
    [{ _id: "65a4b2c8d9e8f123456789ab" }, "_id", "read_only"],
    [JSON.parse('{"__proto__": {"name": "x"}}'), "__proto__", "forbidden_key"],
    [{ constructor: 1 }, "constructor", "forbidden_key"],
  ])("in %j names the field and the rule", (fields, field, rule) => {
    const problem = problemOf(Object.assign(Object.create(null), fields));
    expect(problem).toMatchObject({ field, rule });
    expect(problem.message).toContain(`\`${field.replace(/\[.*/, "")}`);
  });

  test("says in words what to do", () => {
    expect(problemOf({ total_spent: 1 }).message).toBe(
      'Unknown field "total_spent": did you mean `total_spend`? Put anything else under `metadata`.',
    );
    expect(problemOf({ tier: "gold" }).message).toBe('Unknown field "tier": put anything else under `metadata`.');
    expect(problemOf({ visits: "8" }).message).toBe("`visits` must be a number without quotes, such as 8.");
    expect(problemOf({ phones: ["30"] }).message).toBe(
      '`phones[0]`: "30" has no country code: write it with + and the country code, such as +49 30 901820.',
    );
    expect(problemOf({ emails: ["Bob"] }).message).toBe(
      '`emails[0]` must be an e-mail address such as ana@example.com, not "bob".',
    );
  });

  test("does not hide the others", () => {
    expect(problemsOf({ visits: -1, emails: ["a", "b"], colour: "red" }).map((problem) => problem.field)).toEqual([
      "visits",
      "emails[0]",
      "emails[1]",
      "colour",
    ]);
  });

  test("is one of a few, however many there are", () => {
    const fields = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, i]));
    expect(problemsOf(fields).length).toBeLessThanOrEqual(50);
  });

  test("is short, however long what it is about", () => {
    const long = "x".repeat(100_000);
    for (const problem of problemsOf({
      [long]: 1,
      timezone: "x".repeat(64),
      phones: ["x".repeat(60)],
      metadata: { [long]: "\0" },
    })) {
      expect(problem.field.length + problem.message.length).toBeLessThan(300);
    }
  });
});

describe("metadata", () => {
  const nested = (levels: number): object => (levels === 1 ? {} : { a: nested(levels - 1) });

  test("may be any JSON object within its limits", () => {
    const metadata = { a: [1, null, true, { "b.c": "Zoë 😀" }], "": "empty", d: nested(7) };
    expect(leadOf({ name: "Ana", metadata }).metadata).toEqual(metadata);
    expect(leadOf({ name: "Ana", metadata: { text: "a".repeat(16 * 1024 - 11) } }).metadata).toBeDefined();
  });

  test.each([
    [{ tiers: [{}, { constructor: 1 }] }, "metadata.tiers[1]", "forbidden_key"],
    [{ a: JSON.parse('{"__proto__": 1}') }, "metadata.a", "forbidden_key"],
    [{ a: ["x", "b\0"] }, "metadata.a[1]", "text"],
    [{ a: { "b\0": 1 } }, "metadata.a.b\0", "text"],
    [{ a: Number.POSITIVE_INFINITY }, "metadata.a", "finite"],
    [nested(9), "metadata.a.a.a.a.a.a.a.a", "max_depth"],
    [{ a: [[[[[[[[]]]]]]]] }, "metadata.a[0][0][0][0][0][0][0]", "max_depth"],
    [Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`k${i}`, i])), "metadata", "max_keys"],
    [{ text: "a".repeat(16 * 1024 - 10) }, "metadata", "max_bytes"],
    [{ text: "ä".repeat(9 * 1024) }, "metadata", "max_bytes"],
    [{ text: "\u0001".repeat(3 * 1024) }, "metadata", "max_bytes"],
    [{ list: Array.from({ length: 10_000 }, () => 1) }, "metadata", "max_bytes"],
  ])("beyond them is refused: %#", (metadata, field, rule) => {
    expect(problemOf({ metadata })).toMatchObject({ field, rule });
  });

  test("is as large as its JSON, exactly", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 20 }),
        fc.integer({ min: -3, max: 3 }),
        (some, around) => {
          const metadata: unknown = JSON.parse(JSON.stringify({ ...some, filler: "" }));
          const bytes = new TextEncoder().encode(JSON.stringify(metadata)).length;
          const filled = { ...Object(metadata), filler: "f".repeat(16 * 1024 - bytes + around) };
          const read = readLeadChange({ metadata: filled });
          const isTooLarge = !read.ok && read.problems[0]?.rule === "max_bytes";
          if (read.ok || isTooLarge) expect(isTooLarge).toBe(around > 0);
        },
      ),
    );
  });
});

describe("on anything that JSON can hold", () => {
  const field = fc.constantFrom(
    "external_id",
    "name",
    "emails",
    "phones",
    "total_spend",
    "visits",
    "last_order_at",
    "tags",
    "timezone",
    "consent",
    "metadata",
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom("opted_in", "+1234567890", "Ana@example.com", "2025-01-10", "Europe/Berlin"),
    fc.array(fc.constantFrom("+1234567890", "Ana@example.com", "")),
  );
  const input = fc.oneof(fc.jsonValue(), fc.dictionary(fc.oneof(field, fc.string()), value), fc.dictionary(field, value));

  test("reading never throws", () => {
    fc.assert(
      fc.property(input, (json) => {
        for (const read of [readLead(json), readLeadChange(json, "BR")]) {
          if (read.ok) expect(Object.values(read.lead)).not.toContain(undefined);
          else expect(read.problems.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("what was read is read again as the same", () => {
    fc.assert(
      fc.property(fc.dictionary(field, value), (json) => {
        const read = readLeadChange(json);
        if (!read.ok) return;
        expect(readLeadChange(written(read.lead))).toEqual(read);
      }),
      { numRuns: 1000 },
    );
  });
});
