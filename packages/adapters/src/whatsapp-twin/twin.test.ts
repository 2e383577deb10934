import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../system-clock/system-clock.ts";
import type { Json } from "./json.ts";
import { NUMBER, startTestTwin, type TestTwin, type TestTwinOptions } from "./test-twin.ts";
import { createTwin, type TwinTemplate } from "./twin.ts";

const opened: TestTwin[] = [];
afterEach(async () => {
  for (const it of opened.splice(0)) {
    expect(it.webhook.forged).toEqual([]);
    await it.close();
  }
});

async function setup(options?: TestTwinOptions): Promise<TestTwin> {
  const it = await startTestTwin(options);
  opened.push(it);
  return it;
}

const DAY_MS = 86_400_000;
const PATH = `${NUMBER.phoneNumberId}/messages`;
const ANA = "+4915112345678";

/** Sends a message of any kind. */
function send(it: TestTwin, content: Json, id = "m"): ReturnType<TestTwin["text"]> {
  return it.graph("POST", PATH, { messaging_product: "whatsapp", to: ANA, biz_opaque_callback_data: id, ...content });
}

const error = (code: number, details: unknown = expect.any(String), more: Json = {}) => ({
  error: {
    message: expect.stringMatching(`\\(#${code}\\) `),
    type: "OAuthException",
    code,
    error_data: { messaging_product: "whatsapp", details },
    fbtrace_id: expect.stringMatching(/^A/),
    ...more,
  },
});

const statusesOf = (it: TestTwin, id: string) => it.heard.statuses.filter((one) => one["biz_opaque_callback_data"] === id);
const statusNames = (it: TestTwin, id: string) => statusesOf(it, id).map(({ status }) => status);

async function failedWith(it: TestTwin, id: string): Promise<unknown> {
  await vi.waitFor(() => expect(statusNames(it, id)).toEqual(["failed"]), 5_000);
  return statusesOf(it, id)[0]?.["errors"];
}

describe("a message", () => {
  test("is accepted with an identifier, leaves, and is told to be sent, delivered and read, with the sender's data", async () => {
    const it = await setup();
    const { status, body } = await it.text("one", "4915112345678");
    const id = expect.stringMatching(/^wamid\.[A-Za-z0-9+/]+=*$/);
    const contacts = [{ input: "4915112345678", wa_id: "4915112345678" }];
    expect([status, body]).toEqual([200, { messaging_product: "whatsapp", contacts, messages: [{ id }] }]);
    await vi.waitFor(() => expect(statusNames(it, "one")).toEqual(["sent", "delivered", "read"]));
    expect(statusesOf(it, "one")[0]).toEqual({
      id: JSON.parse(JSON.stringify(body["messages"]))[0].id,
      status: "sent",
      timestamp: expect.stringMatching(/^\d{10}$/),
      recipient_id: "4915112345678",
      recipient_user_id: expect.stringMatching(/^ZZ\.\d+$/),
      biz_opaque_callback_data: "one",
    });
    expect(it.twin.controls.outbox({ page: 1, limit: 10 }).items).toMatchObject([
      { message_id: "one", to: ANA, text: "text of one", line: NUMBER.phoneNumberId, media: null, buttons: [], template: null },
    ]);
  });

  test("without data of the sender's own has none in its statuses", async () => {
    const it = await setup();
    await it.graph("POST", PATH, { messaging_product: "whatsapp", to: ANA, text: { body: "Hi" } });
    await vi.waitFor(() => expect(it.heard.statuses).toHaveLength(3));
    expect(it.heard.statuses[0]).not.toHaveProperty("biz_opaque_callback_data");
  });

  test("may be a picture, a document, or have buttons, and the outbox notes that", async () => {
    const it = await setup();
    const link = "https://example.com/a";
    const buttons = ["Yes", "No"].map((title, index) => ({ type: "reply", reply: { id: `b${index}`, title } }));
    const header = { type: "image", image: { link } };
    await send(it, { type: "image", image: { link, caption: "Look" } });
    await send(it, { type: "document", document: { link, filename: "a.pdf" } });
    await send(it, {
      type: "interactive",
      interactive: { type: "button", header, body: { text: "Well?" }, action: { buttons } },
    });
    expect(it.twin.controls.outbox({ page: 1, limit: 10 }).items).toMatchObject([
      { text: "Look", media: { kind: "image", link, filename: null }, buttons: [] },
      { text: "", media: { kind: "document", link, filename: "a.pdf" }, buttons: [] },
      { text: "Well?", media: { kind: "image", link, filename: null }, buttons: ["Yes", "No"] },
    ]);
  });

  test("that somebody wrote may be marked as read", async () => {
    const it = await setup();
    const { body } = await it.graph("POST", PATH, { messaging_product: "whatsapp", status: "read", message_id: "wamid.1" });
    expect([body, it.left()]).toEqual([{ success: true }, []]);
  });
});

describe("who asks", () => {
  test("with a token that nobody has is refused by 190", async () => {
    const it = await setup();
    const { status, body } = await it.graph("POST", PATH, {}, "wrong");
    expect([status, body]).toMatchObject([401, { error: { code: 190, type: "OAuthException", fbtrace_id: expect.any(String) } }]);
  });

  test("for a number that the token does not have is refused by 100 with subcode 33", async () => {
    const other = { phoneNumberId: "2", accessToken: "token-2", businessAccountId: "22" };
    const it = await setup({ numbers: [{}, other] });
    const refusal = { error: { code: 100, error_subcode: 33, type: "GraphMethodException" } };
    for (const id of ["2", "22", "999"]) {
      expect(await it.graph("POST", `${id}/messages`, {})).toMatchObject({ status: 400, body: refusal });
    }
    expect(await it.text("m", ANA, "2")).toMatchObject({ body: refusal });
  });

  test("for a path that there is not is told so", async () => {
    const it = await setup();
    expect(await it.graph("GET", "me/accounts")).toMatchObject({ status: 400, body: { error: { code: 2500 } } });
    expect(await it.graph("POST", `${NUMBER.phoneNumberId}/register`)).toMatchObject({
      status: 400,
      body: { error: { code: 2500 } },
    });
  });

  test("for the number itself hears its name, quality, tier and throughput", async () => {
    const it = await setup({ numbers: [{ recipientsPerDay: 2_000 }] });
    const fields = "display_phone_number,verified_name,quality_rating,messaging_limit_tier,throughput";
    expect((await it.graph("GET", `${NUMBER.phoneNumberId}?fields=${fields}`)).body).toEqual({
      id: NUMBER.phoneNumberId,
      display_phone_number: NUMBER.displayPhoneNumber,
      verified_name: NUMBER.verifiedName,
      quality_rating: "GREEN",
      messaging_limit_tier: "TIER_2K",
      throughput: { level: "STANDARD" },
    });
    it.twin.controls.behave({ warning: "Many people have blocked this number" });
    it.twin.changeNumber(NUMBER.phoneNumberId, { recipientsPerDay: null, messagesPerSecond: 1_000 });
    expect((await it.graph("GET", `${NUMBER.phoneNumberId}?fields=${fields}`)).body).toMatchObject({
      quality_rating: "RED",
      messaging_limit_tier: "TIER_UNLIMITED",
      throughput: { level: "HIGH" },
    });
    expect((await it.graph("GET", `${NUMBER.phoneNumberId}?fields=health_status`)).body).toMatchObject({
      health_status: {
        can_send_message: "LIMITED",
        entities: [{ additional_info: ["Many people have blocked this number"] }, {}],
      },
    });
    const unknown = await it.graph("GET", `${NUMBER.phoneNumberId}?fields=verified_name,name`);
    expect(unknown).toMatchObject({
      status: 400,
      body: { error: { code: 100, message: expect.stringContaining("field (name)") } },
    });
    const { body } = await it.graph("GET", `${NUMBER.businessAccountId}/phone_numbers`);
    expect(body).toMatchObject({ data: [{ id: NUMBER.phoneNumberId, verified_name: NUMBER.verifiedName }] });
  });
});

describe("a body that is wrong", () => {
  const media = { link: "https://example.com/a" };
  const button = (title: string, id = title) => ({ type: "reply", reply: { id, title } });
  const interactive = (buttons: unknown[], text = "Well?") => ({
    type: "interactive",
    interactive: { type: "button", body: { text }, action: { buttons } },
  });
  test.each<[number, string, Json]>([
    [100, "messaging_product", { messaging_product: "sms", text: { body: "Hi" } }],
    [100, "recipient_type", { recipient_type: "group", text: { body: "Hi" } }],
    [100, "to", { to: "", text: { body: "Hi" } }],
    [131009, "'to'", { to: "49", text: { body: "Hi" } }],
    [100, "biz_opaque_callback_data", { biz_opaque_callback_data: "x".repeat(513), text: { body: "Hi" } }],
    [100, "type", { type: "sticker", sticker: {} }],
    [131008, "'text'", { type: "text" }],
    [131008, "text['body']", { type: "text", text: { body: "" } }],
    [100, "4096", { type: "text", text: { body: "x".repeat(4_097) } }],
    [131008, "image['link']", { type: "image", image: {} }],
    [131009, "document['link']", { type: "document", document: { link: "file:///etc/passwd" } }],
    [100, "1024", { type: "image", image: { ...media, caption: "x".repeat(1_025) } }],
    [131008, "interactive['body']['text']", interactive([button("Yes")], "")],
    [131008, "buttons", interactive([])],
    [131009, "at most 3", interactive(["1", "2", "3", "4"].map((title) => button(title)))],
    [131009, "title", interactive([button("x".repeat(21))])],
    [131009, "differ", interactive([button("Yes", "1"), button("Yes", "2")])],
    [100, "interactive['type']", { type: "interactive", interactive: { type: "list" } }],
    [131008, "template['name']", { type: "template", template: {} }],
    [131008, "language", { type: "template", template: { name: "welcome" } }],
  ])("is refused by %i, which names %s", async (code, named, content) => {
    const it = await setup();
    expect(await send(it, content)).toEqual({ status: 400, body: error(code, expect.stringContaining(named)) });
    expect(it.left()).toEqual([]);
  });

  test("is refused where it is no JSON", async () => {
    const it = await setup();
    expect(await it.graph("POST", PATH, "[1")).toEqual({ status: 400, body: error(100, expect.stringMatching(/JSON/)) });
  });
});

describe("a limit", () => {
  test("of messages a second lets a quarter more through in a moment, and refuses the rest by 130429 until there is room", async () => {
    const it = await setup({ numbers: [{ messagesPerSecond: 8 }] });
    it.clock.freeze();
    const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => it.text(`m${index}`)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(answers.find(({ status }) => status !== 200)).toEqual({ status: 400, body: error(130429) });
    it.clock.moveOn(125);
    expect((await it.text("later")).status).toBe(200);
    expect((await it.text("too soon")).status).toBe(400);
    expect(it.left()).toHaveLength(11);
  });

  test("of one message in 6 seconds to one recipient refuses by 131056, and nobody else", async () => {
    const it = await setup({ numbers: [{ pairMs: 6_000 }] });
    expect((await it.text("one")).status).toBe(200);
    expect(await it.text("two")).toEqual({ status: 400, body: error(131056) });
    expect((await it.text("other", "+4915100000000")).status).toBe(200);
    it.clock.moveOn(6_000);
    expect((await it.text("two")).status).toBe(200);
    expect(it.left()).toEqual(["one", "other", "two"]);
  });

  test("counts only what has left: whoever was refused for something else may try again at once", async () => {
    const it = await setup({ numbers: [{ pairMs: 6_000 }], behaviour: { retryableShare: 1 } });
    it.twin.failWith(131016, { next: 1 });
    expect([(await it.text("m")).body, (await it.text("m")).body]).toEqual([error(131016), error(131000)]);
    expect((await it.text("m")).status).toBe(200);
  });

  test("of different recipients in 24 hours counts only those whom the business writes to first, and refuses by 131048", async () => {
    const templates: TwinTemplate[] = [
      { name: "hi", language: "en", category: "MARKETING", components: [{ type: "BODY", text: "Hi" }] },
    ];
    const it = await setup({ numbers: [{ recipientsPerDay: 2, windowMs: DAY_MS }], templates });
    const write = (to: string) => send(it, { to, type: "template", template: { name: "hi", language: { code: "en" } } }, to);
    it.twin.receive(NUMBER.phoneNumberId, { from: "+490000000", text: "Hello" });
    expect((await write("+490000000")).status).toBe(200);
    expect((await write("+490000001")).status).toBe(200);
    expect((await write("+490000002")).status).toBe(200);
    expect((await write("+490000001")).status).toBe(200);
    expect(await write("+490000003")).toEqual({ status: 400, body: error(131048) });
    it.clock.moveOn(DAY_MS + 1);
    expect((await write("+490000003")).status).toBe(200);
  });

  test("of different recipients is still known after the twin has ended", async () => {
    const folder = mkdtempSync(join(tmpdir(), "twin-"));
    const templates: TwinTemplate[] = [
      { name: "hi", language: "en", category: "UTILITY", components: [{ type: "BODY", text: "Hi" }] },
    ];
    const options = { file: join(folder, "outbox.db"), numbers: [{ recipientsPerDay: 1, windowMs: DAY_MS }], templates };
    const template = { type: "template", template: { name: "hi", language: { code: "en" } } };
    const first = await startTestTwin(options);
    expect((await send(first, { to: "+490000001", ...template })).status).toBe(200);
    first.twin.receive(NUMBER.phoneNumberId, { from: "+490000005", text: "Hello" });
    await first.close();
    const it = await setup(options);
    expect((await send(it, { to: "+490000002", ...template })).body).toEqual(error(131048));
    expect((await send(it, { to: "+490000001", ...template })).status).toBe(200);
    await it.text("reply", "+490000005");
    await vi.waitFor(() => expect(statusNames(it, "reply")).toContain("delivered"));
    rmSync(folder, { recursive: true });
  });
});

describe("what Meta only finds out later", () => {
  test("a free-form message outside of the 24 hours is accepted, and fails by 131047; a text opens them", async () => {
    const it = await setup({ numbers: [{ windowMs: DAY_MS }] });
    expect((await it.text("closed")).status).toBe(200);
    expect(await failedWith(it, "closed")).toEqual([
      {
        code: 131047,
        title: "Re-engagement message",
        message: "Re-engagement message",
        error_data: { details: expect.any(String) },
        href: expect.any(String),
      },
    ]);
    it.twin.receive(NUMBER.phoneNumberId, { from: ANA, text: "Hello" });
    await it.text("open");
    await vi.waitFor(() => expect(statusNames(it, "open")).toContain("read"));
    it.clock.moveOn(DAY_MS);
    await it.text("closed again");
    expect(await failedWith(it, "closed again")).toMatchObject([{ code: 131047 }]);
  });

  test("a number that is not on WhatsApp is accepted, and fails by 131026", async () => {
    const it = await setup({ behaviour: { notOnWhatsApp: [ANA] } });
    expect((await it.text("nowhere")).status).toBe(200);
    expect(await failedWith(it, "nowhere")).toMatchObject([{ code: 131026 }]);
    expect(it.left()).toEqual(["nowhere"]);
  });

  test("a reply of a recipient opens the 24 hours as well", async () => {
    const templates: TwinTemplate[] = [
      { name: "hi", language: "en", category: "UTILITY", components: [{ type: "BODY", text: "Hi" }] },
    ];
    const it = await setup({
      numbers: [{ windowMs: DAY_MS }],
      templates,
      behaviour: { replyShare: 1, replyAfter: { fromMs: 0, toMs: 0 } },
    });
    await send(it, { type: "template", template: { name: "hi", language: { code: "en" } } });
    await vi.waitFor(() => expect(it.heard.messages).toMatchObject([{ from: "4915112345678", text: { body: "Thanks!" } }]));
    await it.text("reply");
    await vi.waitFor(() => expect(statusNames(it, "reply")).toContain("delivered"));
  });

  test("whoever stops marketing messages by WhatsApp's setting is told of, and gets none: 131050, until they resume", async () => {
    const category = (name: string, is: TwinTemplate["category"]): TwinTemplate => ({
      name,
      language: "en",
      category: is,
      components: [{ type: "BODY", text: "Hi" }],
    });
    const it = await setup({ templates: [category("offer", "MARKETING"), category("receipt", "UTILITY")] });
    const write = (name: string, id: string) => send(it, { type: "template", template: { name, language: { code: "en" } } }, id);
    it.twin.prefer(NUMBER.phoneNumberId, { from: ANA, value: "stop" });
    await vi.waitFor(() => expect(it.heard.preferences).toHaveLength(1));
    expect(it.heard.preferences).toMatchObject([
      { wa_id: "4915112345678", category: "marketing_messages", value: "stop", timestamp: expect.any(Number) },
    ]);
    expect(it.heard.messages).toEqual([]);
    await write("offer", "a");
    expect(await failedWith(it, "a")).toMatchObject([{ code: 131050 }]);
    await write("receipt", "b");
    await vi.waitFor(() => expect(statusNames(it, "b")).toContain("delivered"));
    it.twin.prefer(NUMBER.phoneNumberId, { from: ANA, value: "resume" });
    await write("offer", "c");
    await vi.waitFor(() => expect(statusNames(it, "c")).toContain("delivered"));
    expect(it.heard.preferences.at(-1)).toMatchObject({ value: "resume" });
  });
});

describe("on demand", () => {
  test.each([
    [190, 401],
    [368, 403],
    [131016, 500],
    [133004, 503],
    [80007, 400],
    [131049, 400],
    [987654, 400],
  ])("messages are refused by %i with HTTP %i, and none leaves", async (code, status) => {
    const it = await setup();
    const end = it.twin.failWith(code);
    expect(await it.text("m")).toEqual({ status, body: error(code) });
    end();
    expect((await it.text("n")).status).toBe(200);
    expect(it.left()).toEqual(["n"]);
  });

  test("only the next so many, only some recipients, only one number, or only a share fail", async () => {
    const it = await setup({ numbers: [{}, { phoneNumberId: "2" }] });
    const status = async (id: string, to?: string, number?: string) => (await it.text(id, to, number)).status;
    it.twin.failWith(131016, { next: 2 });
    expect([await status("a"), await status("a"), await status("a")]).toEqual([500, 500, 200]);
    it.twin.failWith(131016, { to: ["+491*"] });
    expect([await status("b", "+491111111"), await status("b", "+492222222")]).toEqual([500, 200]);
    it.twin.endFaults();
    it.twin.failWith(131016, { phoneNumberId: "2" });
    expect([await status("c"), await status("c", ANA, "2")]).toEqual([200, 500]);
    it.twin.endFaults();
    it.twin.changeNumber(NUMBER.phoneNumberId, { messagesPerSecond: null });
    it.twin.failWith(131016, { share: 0.5 });
    const shared = await Promise.all(Array.from({ length: 100 }, (_, index) => status(`d${index}`)));
    const failed = shared.filter((one) => one === 500).length;
    expect(failed).toBeGreaterThan(20);
    expect(failed).toBeLessThan(80);
  });

  test("a message is accepted, and fails later by any code", async () => {
    const it = await setup();
    it.twin.failWith(131049, { outcome: "later" });
    expect((await it.text("m")).status).toBe(200);
    expect(await failedWith(it, "m")).toMatchObject([{ code: 131049 }]);
  });

  test("a server before Meta's answers by 5xx, whether the message has left or not", async () => {
    const it = await setup();
    const end = it.twin.outage(503);
    expect(await it.text("stays")).toEqual({ status: 503, body: { text: expect.any(String) } });
    end();
    it.twin.outage(502, { outcome: "leaves" });
    expect((await it.text("leaves")).status).toBe(502);
    expect(it.left()).toEqual(["leaves"]);
    await vi.waitFor(() => expect(statusNames(it, "leaves")).toContain("read"));
  });

  test("it is unreachable: connections are cut before anything is read, nothing leaves, and no webhook comes", async () => {
    const it = await setup();
    it.twin.controls.behave({ unreachable: true });
    await expect(it.text("m")).rejects.toThrow("fetch failed");
    await expect(it.graph("GET", NUMBER.phoneNumberId)).rejects.toThrow("fetch failed");
    it.twin.receive(NUMBER.phoneNumberId, { from: ANA, text: "Hello" });
    expect(await it.own("GET", "/twin/outbox")).toMatchObject({ status: 200, body: { data: { messages: [] } } });
    expect(it.heard.batches).toBe(0);
    it.twin.controls.behave({ unreachable: false });
    expect((await it.text("m")).status).toBe(200);
    await vi.waitFor(() => expect(it.heard.messages).toHaveLength(1));
  });

  test("a message leaves, and its connection is cut or hangs", async () => {
    const it = await setup({ behaviour: { cutShare: 1 } });
    await expect(it.text("cut")).rejects.toThrow("fetch failed");
    it.twin.controls.behave({ cutShare: 0, hangShare: 1, hangFor: { fromMs: 200, toMs: 200 } });
    const start = Date.now();
    await expect(it.text("hangs")).rejects.toThrow("fetch failed");
    expect(Date.now() - start).toBeGreaterThanOrEqual(190);
    expect(it.left()).toEqual(["cut", "hangs"]);
  });

  test("answers are slow", async () => {
    const it = await setup({ behaviour: { latency: { fromMs: 150, toMs: 150 } } });
    const start = Date.now();
    expect((await it.text("m")).status).toBe(200);
    expect(Date.now() - start).toBeGreaterThanOrEqual(140);
  });

  test("the switches of the simulator become Meta's codes", async () => {
    const it = await setup({ behaviour: { busyNumbers: [ANA] } });
    expect((await it.text("m")).body).toEqual(error(131056));
    it.twin.controls.behave({ busyNumbers: [], retryableShare: 1 });
    expect(await it.text("m")).toEqual({ status: 500, body: error(131000) });
    it.twin.controls.behave({ retryableShare: 0, rateLimited: { retryAfterMs: 1_000 } });
    expect((await it.text("m")).body).toEqual(error(130429));
  });
});

describe("webhooks", () => {
  test("come again until they are taken, and those of another number don't wait for that", async () => {
    const it = await setup({ numbers: [{}, { phoneNumberId: "2" }] });
    const nobody = "http://127.0.0.1:9/hook";
    it.twin.changeNumber("2", { webhookUrl: nobody });
    await it.text("dead", ANA, "2");
    it.webhook.refuseNext(3);
    await it.text("alive");
    await vi.waitFor(() => expect(statusNames(it, "alive")).toEqual(["sent", "delivered", "read"]), 5_000);
    expect(it.webhook.refused()).toBe(3);
    expect(statusesOf(it, "dead")).toEqual([]);
    it.twin.changeNumber("2", { webhookUrl: it.webhook.url });
    await vi.waitFor(() => expect(statusNames(it, "dead")).toEqual(["sent", "delivered", "read"]), 5_000);
  });

  test("wait until the number has an address", async () => {
    const it = await setup({ numbers: [{ webhookUrl: null }] });
    await it.text("m");
    it.twin.receive(NUMBER.phoneNumberId, { from: ANA, text: "Hello" });
    it.twin.changeNumber(NUMBER.phoneNumberId, { webhookUrl: it.webhook.url });
    await vi.waitFor(() => expect([it.heard.statuses.length, it.heard.messages.length]).toEqual([3, 1]));
  });

  test("tell of many messages together", async () => {
    const it = await setup({ numbers: [{ messagesPerSecond: null }] });
    await Promise.all(Array.from({ length: 300 }, (_, index) => it.text(`m${index}`)));
    await vi.waitFor(() => expect(it.heard.statuses).toHaveLength(900), 5_000);
    expect(it.heard.batches).toBeLessThan(100);
  });

  test("come twice, late and in the wrong order where that is wanted", async () => {
    const lateBy = { fromMs: 100, toMs: 100 };
    const it = await setup({ behaviour: { shuffledShare: 1, doubledShare: 1, lateBy } });
    await it.text("m");
    await vi.waitFor(() => expect(statusNames(it, "m")).toHaveLength(6), 5_000);
    expect(statusNames(it, "m")).toEqual(["read", "delivered", "sent", "read", "delivered", "sent"]);
  });

  test("tell what somebody writes, with their name, number and user id; without the number where they hide it", async () => {
    const it = await setup();
    it.twin.receive(NUMBER.phoneNumberId, { from: ANA, text: "Stop 🛑", name: "Ana" });
    it.twin.receive(NUMBER.phoneNumberId, { from: "+4915100000000", text: "Hi", hidesPhone: true });
    await vi.waitFor(() => expect(it.heard.messages).toHaveLength(2));
    const [first, second] = it.heard.contacts;
    expect(first).toEqual({ profile: { name: "Ana" }, wa_id: "4915112345678", user_id: expect.stringMatching(/^ZZ\.\d+$/) });
    expect(second).toEqual({ user_id: expect.stringMatching(/^ZZ\.\d+$/) });
    const id = expect.stringMatching(/^wamid\./);
    const timestamp = expect.stringMatching(/^\d{10}$/);
    expect(it.heard.messages).toEqual([
      { from: "4915112345678", from_user_id: first?.["user_id"], id, timestamp, type: "text", text: { body: "Stop 🛑" } },
      { from_user_id: second?.["user_id"], id, timestamp, type: "text", text: { body: "Hi" } },
    ]);
  });

  test("are verified by their challenge", async () => {
    const it = await setup();
    expect(await it.twin.verifyWebhook(NUMBER.phoneNumberId)).toEqual({ ok: true });
    it.twin.changeNumber(NUMBER.phoneNumberId, { verifyToken: "wrong" });
    expect(await it.twin.verifyWebhook(NUMBER.phoneNumberId)).toMatchObject({ ok: false, reason: expect.stringMatching(/403/) });
  });
});

test("what has left outlives the twin, and its statuses come from the next one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "twin-"));
  const file = join(folder, "outbox.db");
  const first = await startTestTwin({ file, numbers: [{ webhookUrl: null }] });
  await first.text("m");
  await first.close();
  const it = await setup({ file });
  expect(it.left()).toEqual(["m"]);
  await vi.waitFor(() => expect(statusNames(it, "m")).toEqual(["sent", "delivered", "read"]), 5_000);
  rmSync(folder, { recursive: true });
});

test("a port that is taken is said", async () => {
  const it = await setup();
  const port = Number(new URL(it.twin.url).port);
  const clock = systemClock();
  await expect(createTwin({ file: ":memory:", clock, seed: 1, numbers: [NUMBER], port })).rejects.toThrow("EADDRINUSE");
});

test("of all numbers together the outbox tells what left, and what left twice", async () => {
  const it = await setup({ numbers: [{}, { phoneNumberId: "2" }] });
  await it.text("one");
  await it.text("two", ANA, "2");
  expect(it.twin.controls.sentMoreThanOnce()).toBe(0);
  await it.text("one", ANA, "2");
  expect(it.left()).toEqual(["one", "two", "one"]);
  expect(it.twin.controls.sentMoreThanOnce()).toBe(1);
});
