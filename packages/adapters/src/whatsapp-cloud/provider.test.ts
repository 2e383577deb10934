import { createHmac } from "node:crypto";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import type { OutgoingMessage } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ACCEPTED, type GraphReply, graphError, type LocalGraph, PHONE_NUMBER_ID, startLocalGraph, WELL } from "./local-graph.ts";
import { type CloudProvider, createCloudProvider } from "./provider.ts";

const MINUTE_MS = 60_000;
const LOOK_MS = 3.75 * MINUTE_MS;
let graph: LocalGraph;
let clock: ReturnType<typeof virtualClock>;
let provider: CloudProvider;

beforeEach(async () => {
  graph = await startLocalGraph();
  clock = virtualClock();
  // Without chance the times of looks are known: a test then moves on to one, and waits for its answer in real time.
  const steady = { ...clock, random: () => 0 };
  provider = createCloudProvider({ settings: graph.settings, secrets: graph.secrets, clock: steady, channelId: "shop" });
});
afterEach(async () => {
  await provider.stop();
  await graph.close();
});

const MESSAGE: OutgoingMessage = {
  ...{ messageId: "65a4b4eaf123456789de0001000000000000000000000001", to: "+4915112345678" },
  ...{ text: "Hi Ana", media: null, buttons: [], template: null },
};

const state = () => provider.health().state;
const untilState = (wanted: string) => vi.waitFor(() => expect(state()).toBe(wanted));
const posts = () => graph.requests.filter(({ method }) => method === "POST");
/** Looks and sends are answered by these from now on. */
const replies = (look: GraphReply, sent: GraphReply = ACCEPTED) => graph.reply(({ method }) => (method === "GET" ? look : sent));
/** What Meta knows of the number, changed. */
const known = (changes: Record<string, unknown>): GraphReply =>
  typeof WELL === "string" ? WELL : { status: 200, body: { ...(WELL.body as object), ...changes } };

describe("the connection", () => {
  test("is open after the number was looked up, with its name and its tier", async () => {
    await provider.start();
    expect(provider.health()).toEqual({
      ...{ state: "open", since: clock.now(), reason: null, until: null, pairing: null, standsBy: false },
      ...{ deviceId: PHONE_NUMBER_ID, userName: "Lucky Shrub", warning: null, recipientsPerDay: 10_000 },
    });
    expect(graph.requests[0]).toMatchObject({
      method: "GET",
      path: expect.stringContaining(`/v23.0/${PHONE_NUMBER_ID}?fields=`),
    });
  });

  test("start does not fail where Meta is away, and it opens when Meta is back", async () => {
    graph.reply(() => "cut");
    await provider.start();
    expect(provider.health()).toMatchObject({ state: "reconnecting", reason: expect.stringMatching(/./) });
    const { until } = provider.health();
    expect(until).toBeGreaterThan(clock.now());
    expect(await provider.send(MESSAGE)).toMatchObject({ kind: "session", state: "reconnecting" });
    replies(WELL);
    await clock.advance((until ?? 0) - clock.now());
    await untilState("open");
  });

  test("a token that Meta refuses is told, without the token, and looked at again", async () => {
    replies(graphError(401, 190, { message: `Malformed access token ${graph.secrets.access_token}` }));
    await provider.start();
    expect(provider.health()).toMatchObject({ state: "auth_invalid", until: null, userName: "shop" });
    expect(JSON.stringify(provider.health())).not.toContain(graph.secrets.access_token);
    replies(WELL);
    await clock.advance(LOOK_MS);
    await untilState("open");
  });

  test.each([
    ["a number that Meta does not know", graphError(400, 100, { error_subcode: 33 }), "auth_invalid"],
    ["a code that nobody knows", graphError(400, 139999), "auth_invalid"],
    ["a blocked account", graphError(403, 368), "restricted"],
    ["a locked account", graphError(403, 131031), "banned"],
    ["a banned number", known({ status: "BANNED" }), "banned"],
    ["an outage", graphError(503, 131016), "reconnecting"],
    ["too many calls", graphError(400, 80007), "reconnecting"],
    ["a proxy in between", { status: 403, body: "Forbidden" }, "reconnecting"],
  ] as const)("%s: it says so", async (_what, look, expected) => {
    replies(look);
    await provider.start();
    expect(provider.health()).toMatchObject({ state: expected, reason: expect.stringMatching(/./) });
  });

  test("it is restricted where Meta says that the number cannot send, with Meta's reason", async () => {
    const errors = [{ error_code: 141006, error_description: "No payment method.", possible_solution: "Add one." }];
    const entities = [
      { entity_type: "PHONE_NUMBER", can_send_message: "AVAILABLE" },
      { entity_type: "WABA", can_send_message: "BLOCKED", errors },
    ];
    replies(known({ health_status: { can_send_message: "BLOCKED", entities } }));
    await provider.start();
    expect(provider.health()).toMatchObject({ state: "restricted", userName: "Lucky Shrub" });
    expect(provider.health().reason).toBe("Meta does not let the number send: No payment method. Add one.");
  });

  test("a field that the version does not have costs nothing but that field", async () => {
    const gone = ["health_status", "whatsapp_business_manager_messaging_limit"];
    graph.reply(({ path }) => {
      const field = gone.find((name) => path.includes(name));
      const message = `(#100) Tried accessing nonexisting field (${field}) on node type (WhatsAppBusinessPhoneNumber)`;
      return field === undefined ? WELL : graphError(400, 100, { message });
    });
    await provider.start();
    expect(provider.health()).toMatchObject({ state: "open", userName: "Lucky Shrub", recipientsPerDay: 10_000 });
    expect(graph.requests).toHaveLength(3);
  });

  test.each([
    ["TIER_50", 50],
    ["TIER_250", 250],
    ["TIER_1K", 1_000],
    ["TIER_2K", 2_000],
    ["TIER_10K", 10_000],
    ["TIER_100K", 100_000],
    ["TIER_UNLIMITED", null],
    ["TIER_NOT_SET", null],
  ])("%s is %s recipients a day", async (tier, recipientsPerDay) => {
    replies(known({ messaging_limit_tier: tier }));
    await provider.start();
    expect(provider.health()).toMatchObject({ state: "open", recipientsPerDay });
    replies(known({ messaging_limit_tier: "TIER_50", whatsapp_business_manager_messaging_limit: tier }));
    await clock.advance(LOOK_MS);
    await vi.waitFor(() => expect(graph.requests).toHaveLength(2));
    await vi.waitFor(() => expect(provider.health().recipientsPerDay).toBe(recipientsPerDay));
  });

  test("what Meta warns of is told in words", async () => {
    const limited = {
      can_send_message: "LIMITED",
      entities: [{ can_send_message: "LIMITED", additional_info: ["Name not approved."] }],
    };
    replies(known({ quality_rating: "RED", status: "FLAGGED", health_status: limited }));
    await provider.start();
    const { state: now, warning } = provider.health();
    expect(now).toBe("open");
    expect(warning).toMatch(/quality as low.*flagged.*Name not approved\.$/);
  });

  test("stop calls a look off, and start begins anew", async () => {
    graph.reply(() => "hangs");
    const starting = provider.start();
    await vi.waitFor(() => expect(graph.requests).toHaveLength(1));
    expect(state()).toBe("connecting");
    await provider.stop();
    await starting;
    expect(state()).toBe("stopped");
    replies(WELL);
    await provider.start();
    expect(state()).toBe("open");
  });
});

describe("what a send tells of the connection", () => {
  beforeEach(() => provider.start());

  test("a refused token ends sending at once, until a look finds it accepted", async () => {
    replies(graphError(401, 190, { message: "The look" }), graphError(401, 190, { message: "The send" }));
    expect(await provider.send(MESSAGE)).toMatchObject({ kind: "session", state: "auth_invalid" });
    expect(await provider.send(MESSAGE)).toMatchObject({ kind: "session", reason: expect.stringContaining("The send") });
    expect(posts()).toHaveLength(1);
    await clock.advance(1_000);
    await vi.waitFor(() => expect(provider.health().reason).toContain("The look"));
    replies(WELL);
    await clock.advance(LOOK_MS);
    await untilState("open");
  });

  test("trouble with billing restricts for a time, and is tried again after it", async () => {
    replies(known({ quality_rating: "RED" }), graphError(400, 131042));
    expect(await provider.send(MESSAGE)).toMatchObject({ kind: "session", state: "restricted" });
    const { until, reason } = provider.health();
    expect(until).toBe(clock.now() + 15 * MINUTE_MS);
    expect(reason).toContain("payment method");
    await clock.advance(1_000);
    await vi.waitFor(() => expect(provider.health().warning).toContain("quality"));
    await clock.advance(14 * MINUTE_MS);
    expect(provider.health()).toMatchObject({ state: "restricted", until });
    await clock.advance((until ?? 0) - clock.now());
    await untilState("open");
  });

  test("where Meta cannot be reached it reconnects", async () => {
    await graph.close();
    await vi.waitFor(async () => {
      // Connections that were kept from before break first: nobody knows what came of those.
      expect(await provider.send(MESSAGE)).toMatchObject({ kind: "retryable", scope: "account" });
    });
    expect(provider.health()).toMatchObject({ state: "reconnecting", until: expect.any(Number) });
  });

  test("a send without an answer has the number looked at soon", async () => {
    replies("cut", "cut");
    expect(await provider.send(MESSAGE)).toMatchObject({ kind: "unknown" });
    expect(state()).toBe("open");
    await clock.advance(1_000);
    await untilState("reconnecting");
  });

  test("a recipient's trouble says nothing of the connection", async () => {
    for (const code of [131026, 131047, 131049, 131056, 131000]) {
      replies(WELL, graphError(400, code));
      await provider.send(MESSAGE);
      expect(state()).toBe("open");
    }
  });

  test("Meta's own trouble (131000) is the recipient's until several in a row have it, and again after a success", async () => {
    const scopeOf = async (to: string) => {
      const answer = await provider.send({ ...MESSAGE, to });
      return "scope" in answer ? answer.scope : answer.kind;
    };
    replies(WELL, graphError(500, 131000));
    expect(await Promise.all(["+491511", "+491511", "+491511", "+491512"].map(scopeOf))).toEqual(new Array(4).fill("recipient"));
    expect(await scopeOf("+491513")).toBe("account");
    expect(await scopeOf("+491511")).toBe("account");
    replies(WELL);
    expect(await scopeOf("+491513")).toBe("accepted");
    replies(WELL, graphError(500, 131000));
    expect(await scopeOf("+491511")).toBe("recipient");
  });
});

describe("a message", () => {
  const ENVELOPE = {
    ...{ messaging_product: "whatsapp", recipient_type: "individual", to: MESSAGE.to },
    biz_opaque_callback_data: MESSAGE.messageId,
  };
  const image = { kind: "image", link: "https://example.com/a.jpg", filename: null } as const;
  const offer = { kind: "document", link: "https://example.com/a.pdf", filename: "offer.pdf" } as const;
  const positional = [
    { name: null, text: "Ana" },
    { name: null, text: "10%" },
  ];

  test.each<[string, Partial<OutgoingMessage>, object]>([
    ["a text", {}, { type: "text", text: { body: "Hi Ana" } }],
    ["an image", { media: image }, { type: "image", image: { link: image.link, caption: "Hi Ana" } }],
    ["an image without words", { media: image, text: "" }, { type: "image", image: { link: image.link } }],
    [
      "a document",
      { media: offer },
      { type: "document", document: { link: offer.link, filename: "offer.pdf", caption: "Hi Ana" } },
    ],
    [
      "buttons",
      { buttons: ["Yes", "No"], media: offer },
      {
        type: "interactive",
        interactive: {
          type: "button",
          header: { type: "document", document: { link: offer.link, filename: "offer.pdf" } },
          body: { text: "Hi Ana" },
          action: {
            buttons: [
              { type: "reply", reply: { id: "button-1", title: "Yes" } },
              { type: "reply", reply: { id: "button-2", title: "No" } },
            ],
          },
        },
      },
    ],
    [
      "a template that counts its values",
      { template: { name: "offer", language: "en_US", parameters: positional }, media: image },
      {
        type: "template",
        template: {
          name: "offer",
          language: { code: "en_US" },
          components: [
            { type: "header", parameters: [{ type: "image", image: { link: image.link } }] },
            { type: "body", parameters: positional.map(({ text }) => ({ type: "text", text })) },
          ],
        },
      },
    ],
    [
      "a template that names its values",
      { template: { name: "offer", language: "de", parameters: [{ name: "first_name", text: "Ana" }] } },
      {
        type: "template",
        template: {
          name: "offer",
          language: { code: "de" },
          components: [{ type: "body", parameters: [{ type: "text", text: "Ana", parameter_name: "first_name" }] }],
        },
      },
    ],
    [
      "a template without values",
      { template: { name: "hello_world", language: "en_US", parameters: [] } },
      { type: "template", template: { name: "hello_world", language: { code: "en_US" }, components: [] } },
    ],
  ])("with %s is written as Meta wants it", async (_what, content, expected) => {
    await provider.start();
    expect(await provider.send({ ...MESSAGE, ...content })).toEqual({ kind: "accepted", providerId: "wamid.1" });
    expect(posts().map(({ path, body }) => ({ path, body }))).toEqual([
      { path: `/v23.0/${PHONE_NUMBER_ID}/messages`, body: { ...ENVELOPE, ...expected } },
    ]);
  });

  test("that Meta holds back to look at it is accepted", async () => {
    await provider.start();
    const messages = [{ id: "wamid.2", message_status: "held_for_quality_assessment" }];
    replies(WELL, { status: 200, body: { messages } });
    expect(await provider.send(MESSAGE)).toEqual({ kind: "accepted", providerId: "wamid.2" });
  });

  test("that Meta does not answer within 15 s has an unknown outcome", async () => {
    await provider.start();
    replies(WELL, "hangs");
    const sending = provider.send(MESSAGE);
    await vi.waitFor(() => expect(posts()).toHaveLength(1));
    await clock.advance(15_000);
    expect(await sending).toEqual({ kind: "unknown", reason: "Meta did not answer within 15 s" });
  });
});

describe("what the Cloud API has not", () => {
  test("pairing and logging out are refused, in a sentence", async () => {
    expect(await provider.pair({ method: "qr", phone: null })).toEqual({ kind: "refused", reason: expect.stringMatching(/\.$/) });
    expect(await provider.logOut()).toEqual({ kind: "refused", reason: expect.stringMatching(/\.$/) });
  });

  test("which numbers have WhatsApp, nobody knows", async () => {
    expect(await provider.checkNumbers([MESSAGE.to])).toEqual([{ phone: MESSAGE.to, registered: null }]);
  });
});

describe("a webhook", () => {
  const value = {
    metadata: { phone_number_id: PHONE_NUMBER_ID },
    statuses: [{ status: "delivered", timestamp: "1736942400", biz_opaque_callback_data: MESSAGE.messageId }],
    messages: [{ from: "4915112345678", id: "wamid.in", timestamp: "1736942400", type: "text", text: { body: "STOP" } }],
  };
  const body = JSON.stringify({ entry: [{ id: "1", changes: [{ field: "messages", value }] }] });
  const handOver = (text = body) => {
    const raw = Buffer.from(text);
    return provider.handleWebhook(raw, `sha256=${createHmac("sha256", graph.secrets.app_secret).update(raw).digest("hex")}`);
  };

  test("is taken when every listener has heard it, and else comes again", async () => {
    await provider.start();
    const heard: string[] = [];
    let isDeaf = true;
    expect(await handOver()).toEqual({ status: 503 });
    provider.onReceipts(async (receipts) => void heard.push(...receipts.map(({ messageId }) => messageId)));
    expect(await handOver()).toEqual({ status: 503 });
    provider.onTexts(async (texts) => {
      if (isDeaf) throw new Error("not now");
      heard.push(...texts.map(({ text }) => text));
    });
    expect(await handOver()).toEqual({ status: 503 });
    isDeaf = false;
    expect(await handOver()).toEqual({ status: 200 });
    expect(heard).toEqual([MESSAGE.messageId, MESSAGE.messageId, MESSAGE.messageId, "STOP"]);
  });

  test("that Meta did not sign is not read", async () => {
    await provider.start();
    const heard = vi.fn<() => Promise<void>>();
    provider.onTexts(heard);
    expect(await provider.handleWebhook(Buffer.from(body), null)).toEqual({ status: 401 });
    expect(await provider.handleWebhook(Buffer.from(body), `sha256=${"0".repeat(64)}`)).toEqual({ status: 401 });
    expect(heard).not.toHaveBeenCalled();
  });

  test("that cannot be read is refused, and so is all while it is stopped", async () => {
    expect(await handOver()).toEqual({ status: 503 });
    await provider.start();
    expect(await handOver("{")).toEqual({ status: 400 });
  });

  test("with news of the account has the number looked at soon", async () => {
    await provider.start();
    const changes = [{ field: "account_update", value: { event: "DISABLED_UPDATE" } }];
    replies(known({ status: "BANNED" }));
    const news = JSON.stringify({ entry: [{ id: graph.settings.business_account_id, changes }] });
    expect(await handOver(news)).toEqual({ status: 200 });
    await clock.advance(1_000);
    await untilState("banned");
  });
});
