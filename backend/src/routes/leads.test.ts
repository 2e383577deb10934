import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, FIVE_LEADS, moreThan } from "../test-campaign.ts";

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
});
afterAll(() => backend.close());
beforeEach(async () => {
  for (;;) {
    const { body } = await backend.call("GET", "/api/v1/leads?limit=200");
    if (body.data.leads.length === 0) break;
    for (const { _id } of body.data.leads) await backend.call("DELETE", `/api/v1/leads/${_id}`);
  }
});

async function add(lead: object): Promise<string> {
  return (await backend.call("POST", "/api/v1/leads", lead)).body.data._id;
}

async function names(query: string): Promise<string[]> {
  const { status, body } = await backend.call("GET", `/api/v1/leads?${query}`);
  expect(status).toBe(200);
  return body.data.leads.map(({ name }: { name: string }) => name);
}

describe("a bulk import", () => {
  test("answers how many were accepted, new, changed and matched", async () => {
    const first = await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
    expect([first.status, first.body]).toEqual([
      200,
      { success: true, data: { accepted: 5, inserted: 5, modified: 0, matched: 5, rejected: [] } },
    ]);
    const second = await backend.call("POST", "/api/v1/leads/bulk", { leads: [{ ...FIVE_LEADS[0], visits: 9 }, FIVE_LEADS[1]] });
    expect(second.body.data).toMatchObject({ accepted: 2, inserted: 0, modified: 1, matched: 2 });
  });

  test("takes the good rows and tells of each bad one where and why", async () => {
    const leads = [{ name: "Ana" }, { name: "Bo", emails: ["nonsense"], phones: ["12"] }, "text", { name: "Cy" }];
    const { body } = await backend.call("POST", "/api/v1/leads/bulk", { leads });
    expect(body.data).toMatchObject({ accepted: 2, inserted: 2 });
    expect(body.data.rejected).toEqual([
      { index: 1, field: "emails[0]", rule: "email", reason: expect.stringMatching(/emails\[0\].*phones\[0\]/s) },
      { index: 2, field: "", rule: "type", reason: expect.any(String) },
    ]);
    expect(await names("sort=name")).toEqual(["Ana", "Cy"]);
  });
});

describe("a lead", () => {
  test("is created, shown, changed and removed", async () => {
    const lead = {
      name: "Ana",
      emails: ["Ana@Example.com"],
      phones: ["+49 30 901820"],
      last_order_at: "2025-01-10T10:00:00Z",
      timezone: "Europe/Berlin",
      consent: { state: "opted_in", source: "form", at: "2025-01-01" },
      metadata: { tier: "gold", nested: { list: [1, null, "x"] } },
    };
    const created = await backend.call("POST", "/api/v1/leads", lead);
    expect(created.status).toBe(201);
    expect(created.body.data).toEqual({
      _id: expect.stringMatching(/^[0-9a-f]{24}$/),
      external_id: null,
      name: "Ana",
      emails: ["ana@example.com"],
      phones: ["+4930901820"],
      total_spend: null,
      visits: null,
      last_order_at: "2025-01-10T10:00:00.000Z",
      tags: [],
      timezone: "Europe/Berlin",
      consent: { state: "opted_in", source: "form", at: "2025-01-01T00:00:00.000Z" },
      metadata: { tier: "gold", nested: { list: [1, null, "x"] } },
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      updated_at: expect.any(String),
    });
    const url = `/api/v1/leads/${created.body.data._id}`;
    expect((await backend.call("GET", url)).body.data).toMatchObject({ name: "Ana", phone_flags: [], messages: [] });

    const changed = await backend.call("PATCH", url, { name: "Anna", tags: ["vip"] });
    expect([changed.status, changed.body.data.name, changed.body.data.tags]).toEqual([200, "Anna", ["vip"]]);
    expect(changed.body.data.emails).toEqual(["ana@example.com"]);

    const removed = await backend.call("DELETE", url);
    expect([removed.status, removed.body.data]).toEqual([200, { _id: created.body.data._id, removed: true }]);
    for (const method of ["GET", "DELETE"] as const) {
      expect((await backend.call(method, url)).body.error.code).toBe("LEAD_NOT_FOUND");
    }
  });

  test("that is known already is merged into, which is 200 instead of 201", async () => {
    const id = await add({ name: "Ana", phones: ["+4930901820"] });
    const merged = await backend.call("POST", "/api/v1/leads", { phones: ["+4930901820"], visits: 3 });
    expect([merged.status, merged.body.data._id, merged.body.data.name]).toEqual([200, id, "Ana"]);
  });

  test("shows which of its numbers nobody has", async () => {
    const id = await add({ name: "John", phones: ["+1234567890", "+4930901820"] });
    const { body } = await backend.call("GET", `/api/v1/leads/${id}`);
    expect(body.data.phone_flags).toEqual([{ phone: "+1234567890", flag: "not_assigned", message: expect.any(String) }]);
  });

  test("shows what was sent to it", async () => {
    const id = await add({ name: "John", phones: ["+4930901820"], total_spend: 2000 });
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    await beginSending(backend, campaignId);
    const { body } = await backend.call("GET", `/api/v1/leads/${id}`);
    expect(body.data.messages).toMatchObject([{ _id: campaignId + id, status: "SENDING", text: `Text of ${campaignId}${id}` }]);
  });

  test("shows what came from it, newest first", async () => {
    const id = await add({ name: "John", phones: ["+4930901820"] });
    const event = { version: 1, channel_id: "default", from: "+4930901820", name: "Johnny", at: backend.clock.now() } as const;
    const texts = [
      { ...event, provider_id: "in-1", text: "Thanks!" },
      { ...event, provider_id: "in-2", text: "Stop", at: event.at + 1 },
    ];
    await backend.bus.commit([{ step: "hear", input: { texts, now: backend.clock.now() } }]);
    const { body } = await backend.call("GET", `/api/v1/leads/${id}`);
    expect(body.data.inbound).toMatchObject([
      { _id: "in-2", text: "Stop", wish: "stop", phone: "+4930901820", name: "Johnny", lead_id: id, campaign_id: null },
      { _id: "in-1", text: "Thanks!", wish: null },
    ]);
    expect(body.data.consent).toMatchObject({ state: "opted_out", source: "STOP" });
  });

  test("cannot take another's external_id", async () => {
    const owner = await add({ name: "Ana", external_id: "A1" });
    const other = await add({ name: "Bo", external_id: "B1" });
    const { status, body } = await backend.call("PATCH", `/api/v1/leads/${other}`, { external_id: "A1" });
    expect([status, body.error.code]).toEqual([409, "EXTERNAL_ID_TAKEN"]);
    expect(body.error.details).toContain(owner);
  });
});

describe("the list of leads", () => {
  beforeEach(async () => {
    await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
  });

  test("comes in pages, oldest first, 20 at once", async () => {
    expect(await names("")).toEqual(["John Doe", "Alice Johnson", "Bob Smith", "Carol Williams", "David Brown"]);
    const { body } = await backend.call("GET", "/api/v1/leads");
    expect(body.data.pagination).toEqual({ page: 1, limit: 20, total: 5, totalPages: 1 });
    const second = await backend.call("GET", "/api/v1/leads?limit=2&page=2");
    expect(second.body.data.leads.map(({ name }: { name: string }) => name)).toEqual(["Bob Smith", "Carol Williams"]);
    expect(second.body.data.pagination).toEqual({ page: 2, limit: 2, total: 5, totalPages: 3 });
  });

  test("has nothing on a page after the last", async () => {
    expect(await names("page=1000000&limit=200")).toEqual([]);
  });

  test("is sorted by any of its fields, both ways", async () => {
    expect(await names("sort=-total_spend&limit=2")).toEqual(["David Brown", "Bob Smith"]);
    expect(await names("sort=total_spend&limit=2")).toEqual(["Carol Williams", "Alice Johnson"]);
    expect(await names("sort=name&limit=2")).toEqual(["Alice Johnson", "Bob Smith"]);
    expect(await names("sort=-visits&limit=1")).toEqual(["David Brown"]);
  });

  test("finds a part of a name in any of the usual spellings", async () => {
    for (const q of ["john doe", "JOHN", "ohn", "John D"]) expect(await names(`q=${q}`)).toContain("John Doe");
    expect(await names("q=nobody")).toEqual([]);
  });

  test("finds an e-mail and a number however they are written", async () => {
    expect(await names("email=John.Doe@Example.com")).toEqual(["John Doe"]);
    expect(await names("phone=%2B1234567890")).toEqual(["John Doe"]);
    expect(await names("phone=+1 234 567-890")).toEqual(["John Doe"]);
    expect(await names("phone=001234567890")).toEqual(["John Doe"]);
  });

  test("keeps to every filter at once", async () => {
    await add({ name: "Eve", tags: ["vip"], consent: "opted_in", total_spend: 1000 });
    expect(await names("tag=vip")).toEqual(["Eve"]);
    expect(await names("consent=opted_in")).toEqual(["Eve"]);
    expect(await names("min_spend=1000&max_spend=1500&sort=total_spend")).toEqual(["Eve", "John Doe"]);
    expect(await names("min_spend=1000&q=john")).toEqual(["John Doe"]);
  });

  test("can be only those of a segment", async () => {
    const segment = await backend.call("POST", "/api/v1/segments", { name: "High", rule_ast: moreThan("total_spend", 1000) });
    expect(await names(`segment_id=${segment.body.data._id}&sort=name`)).toEqual(["Bob Smith", "David Brown", "John Doe"]);
    expect(await names(`segment_id=${segment.body.data._id}&q=bob`)).toEqual(["Bob Smith"]);
    const { status, body } = await backend.call("GET", "/api/v1/leads?segment_id=nothing");
    expect([status, body.error.code]).toEqual([404, "SEGMENT_NOT_FOUND"]);
  });

  test.each([
    "limit=0",
    "limit=201",
    "page=0",
    "page=1.5",
    "page=x",
    "sort=phones",
    "sort=__proto__",
    "consent=maybe",
    "min_spend=much",
  ])("refuses %s", async (query) => {
    const { status, body } = await backend.call("GET", `/api/v1/leads?${query}`);
    expect([status, body.error.code]).toEqual([400, "VALIDATION_FAILED"]);
    expect(body.error.details[0].field).toBe(query.split("=")[0]);
  });

  test("refuses a number that is none, and a filter that it does not have", async () => {
    expect((await backend.call("GET", "/api/v1/leads?phone=abc")).body.error.details[0].field).toBe("phone");
    expect((await backend.call("GET", "/api/v1/leads?nmae=x")).body.error.details[0]).toMatchObject({
      field: "nmae",
      rule: "unknown_field",
    });
  });
});

test("10,000 leads of several megabytes are taken at once, and no more", async () => {
  const own = await openBackend();
  const leads = Array.from({ length: 10_000 }, (_, i) => ({ name: `Lead ${i}`, metadata: { note: "x".repeat(300) } }));
  const { body } = await own.call("POST", "/api/v1/leads/bulk", { leads });
  expect(body.data.inserted).toBe(10_000);
  const tooMany = await own.call("POST", "/api/v1/leads/bulk", { leads: Array.from({ length: 10_001 }, () => ({ name: "x" })) });
  expect([tooMany.status, tooMany.body.error.details[0].field]).toEqual([400, "leads"]);
  await own.close();
});
