import { createHmac } from "node:crypto";
import { AppError, type AppErrorCode } from "@mini-crm/core/app-error";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, FIVE_LEADS } from "../test-campaign.ts";
import { CLOUD, cloudChannel, news, numberNews, postNews, textNews, workThrough } from "../test-cloud.ts";

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await cloudChannel(backend);
  await cloudChannel(backend, "sister");
});
afterAll(() => backend.close());

const leadWith = async (phone: string) =>
  (await backend.call("GET", `/api/v1/leads?phone=${encodeURIComponent(phone)}`)).body.data.leads[0];
const status = (fields: object) => ({
  id: "wamid.1",
  status: "delivered",
  timestamp: "1700000000",
  recipient_id: "4930901830",
  ...fields,
});

describe("Meta's verification", () => {
  const verify = (query: Record<string, string>, id = "shop") => backend.app.inject({ url: `/webhooks/whatsapp/${id}`, query });
  const right = { "hub.mode": "subscribe", "hub.verify_token": CLOUD.verify_token, "hub.challenge": "1158201444" };

  test("is answered with the challenge, as plain text", async () => {
    const answer = await verify(right);
    expect([answer.statusCode, answer.headers["content-type"], answer.body]).toEqual([
      200,
      "text/plain; charset=utf-8",
      "1158201444",
    ]);
  });

  test.each([
    { ...right, "hub.verify_token": "another" },
    { ...right, "hub.mode": "unsubscribe" },
    { ...right, "hub.challenge": "<script>alert(1)</script>" },
    { "hub.mode": "subscribe", "hub.challenge": "1" },
    {},
  ])("is refused as %j", async (query) => {
    const answer = await verify(query);
    expect([answer.statusCode, answer.json().error.code]).toEqual([403, "WEBHOOK_NOT_VERIFIED"]);
  });

  test("is 404 for a channel that is not there, or is no Cloud API channel", async () => {
    for (const id of ["none", "default"]) expect((await verify(right, id)).statusCode).toBe(404);
  });

  test("neither needs the API key nor one of this machine's names", async () => {
    const { store, bus, clock } = backend;
    const url = "/webhooks/whatsapp/shop";
    const guarded = await openBackend({ store, bus, clock, apiKey: "a-key-of-enough-characters", vault: backend.vault });
    expect((await guarded.app.inject({ url, query: right })).statusCode).toBe(200);
    expect((await postNews(guarded, numberNews({}))).status).toBe(200);
    expect((await guarded.app.inject({ url: "/api/v1/channels" })).statusCode).toBe(401);
    await guarded.close();
    const tunnelled = await backend.app.inject({ url, query: right, headers: { host: "tunnel.example.com" } });
    expect(tunnelled.statusCode).toBe(200);
  });
});

describe("what is not signed with the app secret is refused", () => {
  const text = textNews("4930901840", "Hello", 1_700_000_000_000);

  test.each([
    ["no signature", null],
    ["another", `sha256=${"0".repeat(64)}`],
    ["half of one", "sha256=00"],
    ["the old kind", `sha1=${"0".repeat(40)}`],
  ])("%s", async (_what, signature) => {
    const answer = await postNews(backend, text, { signature });
    expect([answer.status, answer.body.error.code]).toEqual([401, "WEBHOOK_NOT_SIGNED"]);
  });

  test("and so is a body that was changed by as much as a blank", async () => {
    const signature = `sha256=${createHmac("sha256", CLOUD.app_secret).update(JSON.stringify(text)).digest("hex")}`;
    expect((await postNews(backend, `${JSON.stringify(text)} `, { signature })).status).toBe(401);
    expect((await postNews(backend, JSON.stringify(text), { signature })).status).toBe(200);
  });

  test("nothing of it was heard", async () => {
    await expect.poll(() => backend.webhookInbox.waiting()).toBe(0);
    expect(await backend.bus.lag("message.inbound", "nobody")).toBe(1);
  });
});

describe("what Meta tells", () => {
  test("of a text becomes one of the lead's, and makes a lead of a stranger", async () => {
    const body = textNews("4930901831", "Do you deliver?", backend.clock.now());
    const taken = await postNews(backend, body);
    expect(taken).toMatchObject({ status: 200, body: { data: { receipts: 0, texts: 1, templates: 0 } } });
    // Meta sends again what it believes was lost.
    await postNews(backend, body);
    await workThrough(backend);
    const lead = await leadWith("+4930901831");
    expect(lead).toMatchObject({ name: "Ana", metadata: { source: "whatsapp" } });
    const { body: shown } = await backend.call("GET", `/api/v1/leads/${lead._id}`);
    expect(shown.data.inbound).toMatchObject([{ channel_id: "shop", text: "Do you deliver?" }]);
  });

  test("of a receipt moves the message that it is of", async () => {
    await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    const [delivered = "", failed = ""] = await beginSending(backend, campaignId);
    const errors = [{ code: 131026, title: "Message undeliverable" }];
    const statuses = [
      status({ biz_opaque_callback_data: delivered }),
      status({ biz_opaque_callback_data: failed, status: "failed", errors }),
      status({ biz_opaque_callback_data: "not one of ours!" }),
    ];
    expect((await postNews(backend, numberNews({ statuses }))).body.data).toMatchObject({ receipts: 2 });
    await workThrough(backend);
    expect((await backend.call("GET", `/api/v1/messages/${delivered}`)).body.data).toMatchObject({ status: "DELIVERED" });
    expect((await backend.call("GET", `/api/v1/messages/${failed}`)).body.data).toMatchObject({
      status: "FAILED",
      code: "131026",
    });
  });

  test("of a recipient who stopped marketing messages opts them out", async () => {
    const { body } = await backend.call("POST", "/api/v1/leads", { name: "Stops", phones: ["+4930901832"] });
    const errors = [{ code: 131050, title: "User has stopped marketing messages" }];
    const stopped = status({ biz_opaque_callback_data: "x", recipient_id: "4930901832", status: "failed", errors });
    expect((await postNews(backend, numberNews({ statuses: [stopped] }))).body.data).toMatchObject({ receipts: 1, texts: 1 });
    await workThrough(backend);
    expect((await backend.call("GET", `/api/v1/leads/${body.data._id}`)).body.data.consent.state).toBe("opted_out");
  });

  test("by its own name for somebody is theirs whose number is known under that name, and nobody's else", async () => {
    const named = (id: string, from: object, contact: object) => ({
      contacts: [{ profile: { name: "Uma" }, ...contact }],
      messages: [{ id, timestamp: String(Math.floor(backend.clock.now() / 1_000)), type: "text", text: { body: id }, ...from }],
    });
    const both = named("known", { from: "4930901833", from_user_id: "DE.77" }, { wa_id: "4930901833", user_id: "DE.77" });
    await postNews(backend, numberNews(both));
    await workThrough(backend);
    await postNews(backend, numberNews(named("hidden", { from_user_id: "DE.77" }, { user_id: "DE.77" })));
    await postNews(backend, numberNews(named("stranger", { from_user_id: "DE.88" }, { user_id: "DE.88" })));
    await workThrough(backend);
    const { _id } = await leadWith("+4930901833");
    const { inbound } = (await backend.call("GET", `/api/v1/leads/${_id}`)).body.data;
    expect(inbound.map(({ text }: { text: string }) => text).sort()).toEqual(["hidden", "known"]);
  });

  test("of a template changes its status, for every channel of the account", async () => {
    const known = { channel_id: "shop", name: "offer", language: "en_US", category: "MARKETING", status: "PENDING" };
    await backend.store.templates.replace("shop", [
      { ...known, header: null, body: "Hi", footer: null, buttons: [], synced_at: 0 },
    ]);
    const told = { event: "APPROVED", message_template_name: "offer", message_template_language: "en_US" };
    expect((await postNews(backend, news("message_template_status_update", told))).body.data).toMatchObject({ templates: 2 });
    await workThrough(backend);
    expect(await backend.store.templates.read("shop", "offer", "en_US")).toMatchObject({ status: "APPROVED" });
  });

  test("of another number of the same app is that number's, whichever of their addresses it comes to", async () => {
    const body = JSON.stringify(textNews("4930901838", "For the sister", backend.clock.now()));
    const told = await postNews(backend, body.replace(CLOUD.phone_number_id, "number-of-sister"));
    expect(told).toMatchObject({ status: 200, body: { data: { texts: 1 } } });
    await workThrough(backend);
    const lead = await leadWith("+4930901838");
    const { body: shown } = await backend.call("GET", `/api/v1/leads/${lead._id}`);
    expect(shown.data.inbound).toMatchObject([{ channel_id: "sister", text: "For the sister" }]);
  });

  test("of other numbers is passed over, and of the account stands in the log", async () => {
    const body = JSON.stringify(textNews("4930901834", "Hi", 1)).replace(CLOUD.phone_number_id, "999");
    expect((await postNews(backend, body)).body.data).toMatchObject({ texts: 0 });
    await postNews(backend, news("account_update", { event: "DISABLED_UPDATE" }));
    expect(backend.log.join("")).toContain("Meta has news of the account: DISABLED_UPDATE");
  });

  test("after a change of the app secret is held against the new one within three seconds", async () => {
    const { store, bus, clock, vault } = backend;
    let passedMs = 0;
    const own = await openBackend({ store, bus, vault, clock: { ...clock, now: () => clock.now() + passedMs } });
    await cloudChannel(own, "turned");
    const post = async () => (await postNews(own, numberNews({}), { id: "turned" })).status;
    expect(await post()).toBe(200);
    await own.call("PATCH", "/api/v1/channels/turned", { cloud: { app_secret: "another" } });
    passedMs = 3_000;
    expect(await post()).toBe(401);
    await own.close();
  });
});

describe("where something cannot be reached", () => {
  const gone = (code: AppErrorCode) => () => Promise.reject(new AppError(code, "gone", { retryable: true }));

  test("the event bus: what is told is taken, waits, and is published when the bus is back", async () => {
    const { store, bus, clock, vault } = backend;
    let publish: typeof bus.publish = gone("BUS_UNAVAILABLE");
    const cut = await openBackend({ store, bus: { ...bus, publish: (events) => publish(events) }, clock, vault });
    const before = await bus.lag("message.inbound", "nobody");
    expect((await postNews(cut, textNews("4930901835", "Hi", 1))).status).toBe(200);
    expect((await cut.call("GET", "/health")).body.webhooks).toEqual({ waiting: 1 });
    await expect.poll(() => cut.log.join("")).toContain("What WhatsApp told waits");
    publish = bus.publish;
    await expect.poll(() => cut.webhookInbox.waiting(), { timeout: 10_000 }).toBe(0);
    expect(await bus.lag("message.inbound", "nobody")).toBe(before + 1);
    await cut.close();
  });

  test("the store: what a known channel is told is taken, and what is signed otherwise is not", async () => {
    const { store, bus, clock, vault } = backend;
    let passedMs = 0;
    const channels = { ...store.channels };
    const own = { store: { ...store, channels }, bus, vault, clock: { ...clock, now: () => clock.now() + passedMs } };
    const cut = await openBackend(own);
    expect((await postNews(cut, numberNews({}))).status).toBe(200);
    channels.list = gone("STORE_UNAVAILABLE");
    passedMs = 3_000;
    expect((await postNews(cut, textNews("4930901836", "Hi", 1))).status).toBe(200);
    expect((await postNews(cut, numberNews({}), { signature: null })).status).toBe(401);
    expect((await postNews(cut, numberNews({}), { id: "unknown" })).status).toBe(503);
    await cut.close();
  });

  test("the inbox: Meta is asked to send again", async () => {
    const { store, bus, clock, vault, webhookInbox } = backend;
    const full = {
      ...webhookInbox,
      add: gone("INBOX_FULL"),
      drain: () => ({ wake: () => undefined, close: async () => undefined }),
    };
    const cut = await openBackend({ store, bus, clock, vault, webhookInbox: full });
    const refused = await postNews(cut, textNews("4930901837", "Hi", 1));
    expect([refused.status, refused.body.error.code, refused.body.error.message]).toEqual([
      503,
      "INBOX_FULL",
      "So much of what WhatsApp told waits to be worked through that no more is taken.",
    ]);
    expect((await postNews(cut, numberNews({}))).status).toBe(200);
    await cut.close();
  });
});

test("up to 3 MB are taken", async () => {
  const padded = (bytes: number) => `${JSON.stringify(numberNews({}))}${" ".repeat(bytes)}`;
  expect((await postNews(backend, padded(2_900_000))).status).toBe(200);
  expect((await postNews(backend, padded(3 * 1024 * 1024))).status).toBe(413);
});

test("whatever is signed is taken or refused, and never a 500", { timeout: 60_000 }, async () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(numberNews({ messages: [{}] }), numberNews({ statuses: [{ status: 5 }] })),
  );
  const anything = fc.letrec((tie) => ({
    node: fc.oneof({ maxDepth: 5 }, value, tie("object"), fc.array(tie("node"), { maxLength: 3 })),
    object: fc.dictionary(
      fc.constantFrom(
        "entry",
        "id",
        "changes",
        "value",
        "field",
        "metadata",
        "messages",
        "statuses",
        "contacts",
        "errors",
        "from",
      ),
      tie("node"),
      { maxKeys: 5 },
    ),
  })).node;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        anything.map((body) => JSON.stringify(body)),
        fc.string(),
      ),
      async (body) => {
        expect([200, 400]).toContain((await postNews(backend, body)).status);
      },
    ),
    { numRuns: 300 },
  );
});

test("no secret ever stood in the log", () => {
  for (const secret of [CLOUD.access_token, CLOUD.app_secret, CLOUD.verify_token])
    expect(backend.log.join("")).not.toContain(secret);
});
