import { describe, expect, test } from "vitest";
import { decodeLeads, encodeLeads } from "./encoded-leads.ts";
import { MAX_LEADS_PER_BODY, readEncodedLeads, readLeads } from "./read-leads.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const bodyOf = (leads: unknown) => bytes(JSON.stringify({ leads }));

describe("a bulk body", () => {
  test("gives its good leads, and every bad one by its place with all that is wrong", () => {
    expect(readLeads(bodyOf([{ name: "Ana" }, { visits: -1, emails: ["x"] }, 7, { phones: ["+55 11 8123-4567"] }]))).toEqual({
      kind: "read",
      leads: [{ name: "Ana" }, { phones: ["+5511981234567"] }],
      rejected: [
        { index: 1, problems: [expect.objectContaining({ field: "visits" }), expect.objectContaining({ field: "emails[0]" })] },
        { index: 2, problems: [expect.objectContaining({ rule: "type" })] },
      ],
    });
  });

  test("may begin with a byte order mark", () => {
    expect(readLeads(bytes('\ufeff{"leads":[{"name":"Ana"}]}'))).toMatchObject({ kind: "read", leads: [{ name: "Ana" }] });
  });

  test("reads phones without a country code as numbers of the default country", () => {
    expect(readLeads(bodyOf([{ phones: ["030 901820"] }]), "DE")).toMatchObject({ leads: [{ phones: ["+4930901820"] }] });
  });

  test("may have as many leads as the limit, and no more", () => {
    const leads = Array.from({ length: MAX_LEADS_PER_BODY }, () => ({ name: "Ana" }));
    expect(readLeads(bodyOf(leads)).kind).toBe("read");
    expect(readLeads(bodyOf([...leads, { name: "Bo" }]))).toMatchObject({
      kind: "refused",
      problem: { field: "leads", rule: "max_items" },
    });
  });

  test.each([
    ["", "", "json"],
    ['{"leads": [', "", "json"],
    ["[]", "", "type"],
    ["null", "", "type"],
    ["{}", "leads", "required"],
    ['{"leads": {}}', "leads", "type"],
    ['{"leads": null}', "leads", "type"],
    ['{"leads": []}', "leads", "min_items"],
  ])("is refused as a whole: %j", (text, field, rule) => {
    expect(readLeads(bytes(text))).toMatchObject({ kind: "refused", problem: { field, rule } });
  });

  test("that is not UTF-8 is refused", () => {
    expect(readLeads(new Uint8Array([0x7b, 0xff, 0x7d]))).toMatchObject({ kind: "refused", problem: { rule: "encoding" } });
  });

  test("that is malformed is told where", () => {
    expect(readLeads(bytes('{"leads": [\n  {"name": "Ana" "visits": 1}\n]}'))).toMatchObject({
      problem: { message: expect.stringMatching(/line 2 column 18/) },
    });
  });
});

describe("encoded leads", () => {
  const leads = [
    { name: "Zoë 😀", phones: ["+1234567890"], total_spend: 0.1, metadata: { "a.b": [null, { c: true }] } },
    { external_id: null, last_order_at: Date.UTC(2025, 0, 10) },
  ];

  test("are read back as they were", () => {
    expect(decodeLeads(encodeLeads(leads))).toEqual(leads);
    expect(decodeLeads(encodeLeads([]))).toEqual([]);
  });

  test("of a bulk body are its good ones, counted, with the others beside them", () => {
    const read = readEncodedLeads(bodyOf([{ name: "Ana" }, { visits: 1 }, { name: "Bo" }]));
    if (read.kind === "refused") throw new Error(read.problem.message);
    expect(decodeLeads(read.encoded)).toEqual([{ name: "Ana" }, { name: "Bo" }]);
    expect(read).toMatchObject({ accepted: 2, rejected: [{ index: 1, problems: [{ rule: "required" }] }] });
    expect(readEncodedLeads(bytes("[]")).kind).toBe("refused");
  });

  test("can be transferred without copying", () => {
    const encoded = encodeLeads(leads);
    const moved = structuredClone(encoded, { transfer: [encoded.buffer] });
    expect(encoded.byteLength).toBe(0);
    expect(decodeLeads(moved)).toEqual(leads);
  });
});
