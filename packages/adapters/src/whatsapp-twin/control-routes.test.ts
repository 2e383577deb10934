import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Json } from "./json.ts";
import { NUMBER, startTestTwin, type TestTwin } from "./test-twin.ts";

let it: TestTwin;
beforeEach(async () => {
  it = await startTestTwin({ numbers: [{}, { phoneNumberId: "2" }] });
});
afterEach(() => it.close());

test("GET /twin shows how it behaves and its numbers, without their secrets", async () => {
  const { status, body } = await it.own("GET", "/twin");
  expect([status, body]).toMatchObject([
    200,
    {
      success: true,
      data: { behaviour: { readShare: 1 }, numbers: [{ phoneNumberId: NUMBER.phoneNumberId }, { phoneNumberId: "2" }] },
    },
  ]);
  for (const secret of [NUMBER.accessToken, NUMBER.appSecret, NUMBER.verifyToken])
    expect(JSON.stringify(body)).not.toContain(secret);
});

test("PATCH /twin changes how it behaves, as a whole or over one number", async () => {
  expect((await it.own("PATCH", "/twin", { cutShare: 1, phone_number_id: "2" })).status).toBe(200);
  await expect(it.text("a", "+4915112345678", "2")).rejects.toThrow("fetch failed");
  expect((await it.text("b")).status).toBe(200);
  const { body } = await it.own("PATCH", "/twin", { rateLimited: { retryAfterMs: 5 }, notOnWhatsApp: ["+1*"] });
  expect(body).toMatchObject({ data: { behaviour: { rateLimited: { retryAfterMs: 5 }, notOnWhatsApp: ["+1*"] } } });
  expect((await it.text("c")).body).toMatchObject({ error: { code: 130429 } });
});

test("PATCH /twin replaces the faults", async () => {
  const faults = [
    { code: 131049, to: ["+4900*"] },
    { status: 503, outcome: "leaves", next: 1 },
  ];
  await it.own("PATCH", "/twin", { faults });
  expect((await it.text("a", "+4900000001")).body).toMatchObject({ error: { code: 131049 } });
  expect((await it.text("b")).status).toBe(503);
  expect((await it.text("c")).status).toBe(200);
  expect(it.left()).toEqual(["b", "c"]);
  await it.own("PATCH", "/twin", { faults: [] });
  expect((await it.text("d", "+4900000001")).status).toBe(200);
});

test.each<[Json, string]>([
  [{ speed: 1 }, "speed"],
  [{ readShare: 2 }, "readShare"],
  [{ latency: 5 }, "latency"],
  [{ latency: { fromMs: 0 } }, "latency"],
  [{ busyNumbers: ["49151"] }, "busyNumbers"],
  [{ unreachable: "yes" }, "unreachable"],
  [{ warning: "" }, "warning"],
  [{ phone_number_id: "3" }, "phone_number_id"],
  [{ faults: {} }, "faults"],
  [{ faults: [{}] }, "code"],
  [{ faults: [{ code: 1, status: 500 }] }, "code"],
  [{ faults: [{ code: 1, outcome: "never" }] }, "outcome"],
  [{ faults: [{ status: 500, outcome: "later" }] }, "later"],
  [{ faults: [{ code: 1, next: 0 }] }, "next"],
  [{ faults: [{ code: 1, share: 2 }] }, "share"],
  [{ faults: [{ code: 1, to: "x" }] }, "to"],
  [{ faults: [{ code: 1, kind: "x" }] }, "kind"],
])("PATCH /twin refuses %j and names what is wrong: %s", async (changes, named) => {
  const before = await it.own("GET", "/twin");
  const { status, body } = await it.own("PATCH", "/twin", changes);
  expect([status, body]).toMatchObject([400, { success: false, error: { message: expect.stringContaining(named) } }]);
  expect(await it.own("GET", "/twin")).toEqual(before);
});

test("POST /twin/texts lets somebody write to a number", async () => {
  const { status, body } = await it.own("POST", "/twin/texts", { from: "+49 151 1234-5678", text: "Hi", name: "Ana" });
  expect([status, body]).toMatchObject([200, { data: { from: "+4915112345678", text: "Hi", at: expect.stringMatching(/Z$/) } }]);
  await it.own("POST", "/twin/texts", { from: "+4915112345678", text: "Hidden", hides_phone: true, phone_number_id: "2" });
  await vi.waitFor(() => expect(it.heard.messages).toHaveLength(2));
  const said = (written: string) =>
    it.heard.messages.find(({ text }) => JSON.stringify(text) === JSON.stringify({ body: written }));
  expect(said("Hi")).toMatchObject({ from: "4915112345678" });
  expect(said("Hidden")).not.toHaveProperty("from");
});

test("POST /twin/preferences lets somebody stop marketing messages", async () => {
  expect((await it.own("POST", "/twin/preferences", { from: "+4915112345678", value: "stop" })).status).toBe(200);
  await vi.waitFor(() => expect(it.heard.preferences).toMatchObject([{ value: "stop" }]));
});

test.each<[string, Json, string]>([
  ["texts", { from: "nobody", text: "Hi" }, "from"],
  ["texts", { from: "+4915112345678", text: "" }, "text"],
  ["texts", { from: "+4915112345678", text: "Hi", phone_number_id: "3" }, "phone_number_id"],
  ["preferences", { from: "+4915112345678", value: "no" }, "value"],
  ["numbers", { phone_number_id: "3" }, "business_account_id"],
  ["templates", { name: "x" }, "template"],
])("POST /twin/%s refuses %j for its %s", async (route, body, named) => {
  const answer = await it.own("POST", `/twin/${route}`, body);
  expect(answer).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining(named) } } });
});

test("GET /twin/outbox shows what left, page by page, of a message, a recipient or a number", async () => {
  await it.text("a");
  await it.text("b", "+4915100000000");
  await it.text("c", "+4915112345678", "2");
  const left = async (query: string) => {
    const { body } = await it.own("GET", `/twin/outbox${query}`);
    return JSON.parse(JSON.stringify(body["data"]));
  };
  const all = await left("");
  expect(all).toMatchObject({
    messages: [
      { message_id: "a", line: NUMBER.phoneNumberId, at: expect.stringMatching(/Z$/) },
      { message_id: "b" },
      { message_id: "c", line: "2" },
    ],
    pagination: { page: 1, limit: 50, total: 3, totalPages: 1 },
    sent_more_than_once: 0,
  });
  const ids = async (query: string) => (await left(query)).messages.map(({ message_id }: { message_id: string }) => message_id);
  expect(await ids("?page=2&limit=2")).toEqual(["c"]);
  expect(await ids("?message_id=b")).toEqual(["b"]);
  expect(await ids("?to=%2B4915100000000")).toEqual(["b"]);
  expect(await ids("?line=2")).toEqual(["c"]);
  expect((await it.own("GET", "/twin/outbox?limit=0")).status).toBe(400);
});

test("POST /twin/numbers adds a number, and replaces one; POST /twin/verifications asks its webhook for the challenge", async () => {
  const number = {
    phone_number_id: "3",
    business_account_id: "33",
    display_phone_number: "+1 555 3",
    verified_name: "Three",
    access_token: "token-3",
    app_secret: NUMBER.appSecret,
    verify_token: "wrong",
    webhook_url: it.webhook.url,
    window_ms: null,
  };
  expect((await it.own("POST", "/twin/numbers", number)).status).toBe(200);
  const refusal = await it.own("POST", "/twin/verifications", { phone_number_id: "3" });
  expect(refusal).toMatchObject({ status: 400, body: { error: { message: expect.stringMatching(/403/) } } });
  await it.own("POST", "/twin/numbers", { ...number, verify_token: NUMBER.verifyToken });
  expect((await it.own("POST", "/twin/verifications", { phone_number_id: "3" })).body).toMatchObject({
    data: { verified: true },
  });
  const message = { messaging_product: "whatsapp", to: "+4915112345678", text: { body: "Hi" } };
  expect((await it.graph("POST", "3/messages", message, "token-3")).status).toBe(200);
  await vi.waitFor(() => expect(it.heard.statuses).toHaveLength(3));
});

test("POST and PATCH /twin/templates add a template, and change its status", async () => {
  const template = { name: "hi", language: "en", category: "UTILITY", components: [{ type: "BODY", text: "Hi" }] };
  expect((await it.own("POST", "/twin/templates", template)).body).toMatchObject({ data: { name: "hi", status: "APPROVED" } });
  expect((await it.own("PATCH", "/twin/templates", { name: "hi", language: "en", status: "PAUSED" })).status).toBe(200);
  await vi.waitFor(() => expect(it.heard.templates).toMatchObject([{ event: "PAUSED" }]));
  expect((await it.own("PATCH", "/twin/templates", { name: "hi", language: "de", status: "PAUSED" })).status).toBe(400);
});

test("what is not JSON is refused, so that no page in a browser can play with it; so is what it does not have", async () => {
  const response = await fetch(`${it.twin.url}/twin`, { method: "PATCH", headers: { "content-type": "text/plain" }, body: "{}" });
  expect(response.status).toBe(400);
  expect((await it.own("POST", "/twin/texts", "[")).status).toBe(400);
  expect((await it.own("DELETE", "/twin")).status).toBe(404);
});
