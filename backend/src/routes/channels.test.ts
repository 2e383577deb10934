import { MAX_CHANNELS } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { openCloudSecrets, openVault } from "@mini-crm/runtime/vault";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "../test-backend.ts";
import { draftCampaign, FIVE_LEADS } from "../test-campaign.ts";
import { signOfLife } from "../test-channel.ts";
import { CLOUD, cloudChannel } from "../test-cloud.ts";

let backend: TestBackend;

/** Gives the tests of a group a backend in common. */
function together(): void {
  beforeAll(async () => {
    backend = await openBackend();
  });
  afterAll(() => backend.close());
}

const URL = "/api/v1/channels";
const create = (body: object): Promise<Answer> => backend.call("POST", URL, body);
const change = (id: string, body: object): Promise<Answer> => backend.call("PATCH", `${URL}/${id}`, body);
const read = async (id: string) => (await backend.call("GET", `${URL}/${id}`)).body.data;
const errorOf = ({ status, body }: Answer): unknown[] => [status, body.error.code];
const fieldsOf = ({ status, body }: Answer): unknown[] => [
  status,
  ...body.error.details.map(({ field }: { field: string }) => field),
];
const SECRETS = [CLOUD.access_token, CLOUD.app_secret, CLOUD.verify_token];

describe("a channel", () => {
  together();

  test("called default is there from the start, simulated", async () => {
    const { body } = await backend.call("GET", URL);
    expect(body.data).toEqual([await read("default")]);
    expect(body.data).toMatchObject([
      { _id: "default", kind: "simulator", creates_leads: false, cloud: null, web: null, order: null },
    ]);
  });

  test("is called by its name where nobody says otherwise, and by another where that is taken", async () => {
    for (const [name, id] of [
      ["Shop Berlin", "shop-berlin"],
      ["Shop  Berlin!", "shop-berlin-2"],
      ["Café Zoë", "cafe-zoe"],
      ["山田", "channel"],
      ["default", "default-2"],
      [`${"x".repeat(39)} y`, "x".repeat(39)],
    ]) {
      const { status, body } = await create({ name, kind: "simulator" });
      expect([status, body.data._id, body.data.name]).toEqual([201, id, name]);
    }
    expect(errorOf(await create({ _id: "cafe-zoe", name: "x", kind: "simulator" }))).toEqual([409, "CHANNEL_EXISTS"]);
    for (const _id of ["", "Shop", "shop_1", "-shop", "shop-", "a/b", "x".repeat(65)]) {
      expect(fieldsOf(await create({ _id, name: "x", kind: "simulator" }))).toEqual([400, "_id"]);
    }
  });

  test("of the Cloud API shows its verify token once, with what to enter at Meta, and its secrets never", async () => {
    const { verify_token, ...cloud } = CLOUD;
    const created = await create({ name: "Shop", kind: "cloud", cloud });
    expect([created.status, created.body.data]).toMatchObject([
      201,
      {
        kind: "cloud",
        creates_leads: true,
        cloud: {
          phone_number_id: CLOUD.phone_number_id,
          business_account_id: CLOUD.business_account_id,
          base_url: "https://graph.facebook.com",
          api_version: "v23.0",
          access_token: "set",
          app_secret: "set",
          verify_token: "set",
          webhook_url: expect.stringMatching(/^http:\/\/localhost:?\d*\/webhooks\/whatsapp\/shop$/),
        },
        meta: { callback_url: created.body.data.cloud.webhook_url, verify_token: expect.stringMatching(/^[\w-]{32}$/) },
      },
    ]);
    const { meta, ...shown } = created.body.data;
    expect(await read("shop")).toEqual(shown);
    const everything = JSON.stringify((await backend.call("GET", URL)).body) + backend.log.join("");
    for (const secret of [...SECRETS.slice(0, 2), meta.verify_token]) expect(everything).not.toContain(secret);
    const stored = await backend.store.channels.read("shop");
    for (const secret of SECRETS) expect(JSON.stringify(stored)).not.toContain(secret);
  });

  test("is found by Meta at the public address, where there is one", async () => {
    const own = await openBackend({ publicUrl: "https://crm.example.com/base" });
    await cloudChannel(own);
    const { body } = await own.call("GET", `${URL}/shop`);
    expect(body.data.cloud.webhook_url).toBe("https://crm.example.com/base/webhooks/whatsapp/shop");
    await own.close();
  });

  test("of the kind web has pauses and a warming up that keep numbers alive, unless others are given", async () => {
    const { body } = await create({ name: "Phone", kind: "web" });
    expect(body.data).toMatchObject({
      creates_leads: true,
      web: { pause_seconds: { from: 5, to: 30 }, warm_up: true },
      limits: { rate: { messages_per_minute: 20 }, recipients: { per_day: 20, used: 0 } },
    });
    const changed = await change("phone", { web: { warm_up: false }, messages_per_minute: 5 });
    expect(changed.body.data).toMatchObject({
      web: { pause_seconds: { from: 5, to: 30 }, warm_up: false },
      limits: { rate: { messages_per_minute: 5, messages: 5, used: 0 }, recipients: null },
    });
  });
});

describe("what cannot be meant is refused by its field", () => {
  together();

  test.each([
    [{ kind: "cloud" }, ["cloud.phone_number_id", "cloud.business_account_id", "cloud.access_token", "cloud.app_secret"]],
    [{ kind: "cloud", cloud: { phone_number_id: "1" } }, ["cloud.business_account_id", "cloud.access_token", "cloud.app_secret"]],
    [{ kind: "simulator", cloud: CLOUD }, ["cloud"]],
    [{ kind: "cloud", cloud: CLOUD, web: {} }, ["web"]],
    [{ kind: "web", web: { pause_seconds: { from: 30, to: 5 } } }, ["web.pause_seconds.from"]],
    [{ kind: "web", messages_per_minute: 21 }, ["messages_per_minute"]],
    [{ kind: "cloud", cloud: CLOUD, messages_per_minute: 60_001 }, ["messages_per_minute"]],
    [{ kind: "simulator", messages_per_minute: 1_000_001 }, ["messages_per_minute"]],
    [{ kind: "simulator", messages_per_minute: 0 }, ["messages_per_minute"]],
    [{ kind: "sms" }, ["kind"]],
    [{ kind: "cloud", cloud: { ...CLOUD, phone_number_id: "../x" } }, ["cloud.phone_number_id"]],
    [{ kind: "cloud", cloud: { ...CLOUD, api_version: "23" } }, ["cloud.api_version"]],
    [{ kind: "cloud", cloud: { ...CLOUD, access_token: "with spaces" } }, ["cloud.access_token"]],
  ])("%j", async (body, fields) => {
    expect(fieldsOf(await create({ name: "x", ...body }))).toEqual([400, ...fields]);
  });

  test.each([
    "http://graph.example.com",
    "http://192.168.1.5:4000",
    "http://127.evil.example",
    "ftp://graph.facebook.com",
    "graph.facebook.com",
    "https://user:pass@graph.facebook.com",
    "https://graph.facebook.com/?a=b",
  ])("the access token is not sent to %s", async (base_url) => {
    expect(fieldsOf(await create({ name: "x", kind: "cloud", cloud: { ...CLOUD, base_url } }))).toEqual([400, "cloud.base_url"]);
  });

  test.each(["http://127.0.0.1:4010", "http://localhost:4010/", "http://[::1]:4010", "https://proxy.example.com/graph/"])(
    "but it may be to %s",
    async (base_url) => {
      const phone_number_id = `behind-${base_url.replaceAll(/\W/g, "-")}`.slice(0, 64);
      const { body } = await create({ name: "x", kind: "cloud", cloud: { ...CLOUD, phone_number_id, base_url } });
      expect(body.data.cloud.base_url).toBe(base_url.replace(/\/$/, ""));
    },
  );
});

describe("a change", () => {
  together();

  const secretsOf = async (id: string) => {
    const channel = await backend.store.channels.read(id);
    if (channel === null) throw new Error(`There is no channel ${id}`);
    return openCloudSecrets(openVault({ secretsKey: null, dataDir: backend.dataDir }), channel);
  };

  test("of one secret leaves the others, and what is not named stays", async () => {
    await cloudChannel(backend);
    const changed = await change("shop", { cloud: { access_token: "EAAG-another" }, messages_per_minute: 4_800 });
    expect(changed.body.data).toMatchObject({ messages_per_minute: 4_800, cloud: { phone_number_id: CLOUD.phone_number_id } });
    expect(changed.body.data.meta).toBeUndefined();
    const { verify_token, app_secret } = CLOUD;
    expect(await secretsOf("shop")).toEqual({ access_token: "EAAG-another", app_secret, verify_token });
    const token = await change("shop", { cloud: { verify_token: "hello" } });
    expect(token.body.data.meta).toMatchObject({ verify_token: "hello" });
    expect(await secretsOf("shop")).toEqual({ access_token: "EAAG-another", app_secret, verify_token: "hello" });
    const { body } = await change("shop", { messages_per_minute: null, creates_leads: false });
    expect(body.data).toMatchObject({ messages_per_minute: null, creates_leads: false });
  });

  test("of the Graph API's address needs the access token anew: the one that is kept is not sent elsewhere", async () => {
    await cloudChannel(backend, "lured");
    const base_url = "https://graph.example.com";
    expect(fieldsOf(await change("lured", { cloud: { base_url } }))).toEqual([400, "cloud.access_token"]);
    expect((await change("lured", { cloud: { base_url: "https://graph.facebook.com/" } })).status).toBe(200);
    const changed = await change("lured", { cloud: { base_url, access_token: "EAAG-another" } });
    expect(changed.body.data.cloud.base_url).toBe(base_url);
  });

  test("to the number of another channel is refused, as is a second channel of one number", async () => {
    await cloudChannel(backend, "first");
    await cloudChannel(backend, "second");
    const taken = { ...CLOUD, phone_number_id: "number-of-first" };
    for (const answer of [
      await change("second", { cloud: { phone_number_id: taken.phone_number_id } }),
      await create({ name: "x", kind: "cloud", cloud: taken }),
    ]) {
      expect(errorOf(answer)).toEqual([409, "NUMBER_HAS_CHANNEL"]);
      expect(answer.body.error.details).toContain("the channel first");
    }
    expect((await change("first", { cloud: { phone_number_id: taken.phone_number_id } })).status).toBe(200);
  });

  test("of the default channel's kind takes that kind's settings, and takes them away again", async () => {
    expect(fieldsOf(await change("default", { kind: "cloud", cloud: { app_secret: "x" } })).slice(1)).toContain(
      "cloud.access_token",
    );
    const changed = await change("default", { kind: "cloud", cloud: { ...CLOUD, phone_number_id: "of-default" } });
    expect(changed.body.data).toMatchObject({ kind: "cloud", creates_leads: true, meta: { verify_token: CLOUD.verify_token } });
    const back = await change("default", { kind: "simulator" });
    expect(back.body.data).toMatchObject({ kind: "simulator", cloud: null, creates_leads: false });
    expect((await backend.store.channels.read("default"))?.secrets).toBeNull();
  });

  test("of the kind refuses a rate that the new one does not allow", async () => {
    await create({ name: "Fast", kind: "simulator", messages_per_minute: 1_000 });
    expect(fieldsOf(await change("fast", { kind: "web" }))).toEqual([400, "messages_per_minute"]);
    expect((await change("fast", { kind: "web", messages_per_minute: 10 })).status).toBe(200);
  });

  test("where the key of the secrets is another one now says so, and entering them again mends it", async () => {
    await cloudChannel(backend, "moved");
    const { store, bus, clock } = backend;
    const vault = openVault({ secretsKey: "0f".repeat(32), dataDir: backend.dataDir });
    const moved = await openBackend({ store, bus, clock, vault });
    expect((await moved.call("GET", `${URL}/moved`)).status).toBe(200);
    expect((await moved.call("PATCH", `${URL}/moved`, { name: "x" })).status).toBe(200);
    const refused = await moved.call("PATCH", `${URL}/moved`, { cloud: { access_token: "x" } });
    expect([refused.status, refused.body.error]).toMatchObject([
      500,
      { code: "SECRETS_UNREADABLE", details: expect.stringContaining("SECRETS_KEY") },
    ]);
    const { access_token, app_secret, verify_token } = CLOUD;
    expect((await moved.call("PATCH", `${URL}/moved`, { cloud: { access_token, app_secret, verify_token } })).status).toBe(200);
    expect((await moved.call("PATCH", `${URL}/moved`, { cloud: { access_token: "x" } })).status).toBe(200);
    await moved.close();
  });

  test("beside another one loses neither", async () => {
    await create({ name: "Phone", kind: "web" });
    const fields = [{ name: "A phone" }, { creates_leads: false }, { web: { warm_up: false } }, { messages_per_minute: 7 }];
    for (const { status } of await Promise.all(fields.map((field) => change("phone", field)))) expect(status).toBe(200);
    expect(await read("phone")).toMatchObject({
      name: "A phone",
      creates_leads: false,
      web: { warm_up: false },
      messages_per_minute: 7,
    });
  });
});

describe("removing", () => {
  together();

  test("takes a channel away, and never the default one", async () => {
    await create({ name: "Phone", kind: "web" });
    expect((await backend.call("DELETE", `${URL}/phone`)).body.data).toEqual({ _id: "phone", removed: true });
    expect(errorOf(await backend.call("GET", `${URL}/phone`))).toEqual([404, "CHANNEL_NOT_FOUND"]);
    expect(errorOf(await backend.call("DELETE", `${URL}/default`))).toEqual([409, "CHANNEL_IS_DEFAULT"]);
  });

  test("waits for the campaigns that go over it", async () => {
    await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
    await create({ name: "Second", kind: "simulator" });
    const { campaignId } = await draftCampaign(backend);
    await backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, { channel_id: "second" });
    const refused = await backend.call("DELETE", `${URL}/second`);
    expect(errorOf(refused)).toEqual([409, "CHANNEL_IN_USE"]);
    expect(refused.body.error.details).toContain(campaignId);
    await backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, { channel_id: "default" });
    expect((await backend.call("DELETE", `${URL}/second`)).status).toBe(200);
  });
});

describe("the number of channels", () => {
  together();

  test("has a bound", async () => {
    for (let made = 1; made < MAX_CHANNELS; made += 1) {
      expect((await create({ _id: `n-${made}`, name: "x", kind: "simulator" })).status).toBe(201);
    }
    expect(errorOf(await create({ name: "x", kind: "simulator" }))).toEqual([409, "TOO_MANY_CHANNELS"]);
    expect((await backend.call("GET", URL)).body.data).toHaveLength(MAX_CHANNELS);
  });
});

describe("the truth about a connection", () => {
  together();

  test("without workers is that nothing serves it, and what to do", async () => {
    expect((await read("default")).connection).toMatchObject({
      connected: false,
      state: "stopped",
      since: null,
      reason: "No workers process is running",
      needs_person: true,
      next: expect.stringContaining("Start the workers"),
    });
    await signOfLife(backend, { id: "other" });
    expect((await read("default")).connection).toMatchObject({
      state: "stopped",
      reason: "No workers process serves this channel",
      next: expect.stringContaining("within some seconds"),
    });
  });

  test("is what the workers say, with its limits and their use", async () => {
    const now = backend.clock.now();
    const limits = { rate: { messages: 30, windowMs: 61_000 }, recipientsPerDay: 250, pairMs: 6_000 };
    await signOfLife(backend, { since: now - 1_000, warning: "Low quality", limits });
    const { connection, limits: shown } = await read("default");
    expect(connection).toEqual({
      connected: true,
      state: "open",
      since: new Date(now - 1_000).toISOString(),
      reason: null,
      until: null,
      pairing: null,
      needs_person: false,
      next: null,
      warning: "Low quality",
      breaker: { state: "closed", until: null },
      device_id: "device",
      user_name: "Shop",
    });
    expect(shown).toMatchObject({
      rate: { messages_per_minute: 30, messages: 30, seconds: 61, used: 0 },
      recipients: { per_day: 250, used: 0 },
      seconds_between_messages_to_one: 6,
    });
  });

  test("says what a person must do, by the kind of channel", async () => {
    await cloudChannel(backend);
    await signOfLife(backend, {
      id: "shop",
      connected: false,
      state: "auth_invalid",
      reason: "Token expired",
      limits: NO_LIMITS,
    });
    expect((await read("shop")).connection).toMatchObject({
      needs_person: true,
      reason: "Token expired",
      next: expect.stringContaining("`access_token`"),
    });
  });
});

describe("what went over it", () => {
  together();

  test("is counted, cumulatively", async () => {
    await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    const expand = { campaign_id: campaignId, after: null, leadsPerWindow: 1_000, now: backend.clock.now() };
    await backend.bus.commit([{ step: "expand", input: expand }]);
    expect(await read("default")).toMatchObject({
      queue_size: 3,
      stats: { sent: 0, delivered: 0, read: 0, failed: 0, skipped: 0, uncertain: 0, cancelled: 0, pending: 3 },
    });
  });
});
