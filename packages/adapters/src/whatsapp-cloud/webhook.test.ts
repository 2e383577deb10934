import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BUSINESS_ACCOUNT_ID, PHONE_NUMBER_ID } from "./local-graph.ts";
import { isSigned, readWebhook, verifyChallenge, type WebhookContent } from "./webhook.ts";

const OF = { phone_number_id: PHONE_NUMBER_ID, business_account_id: BUSINESS_ACCOUNT_ID };
const RECEIVED_AT = Date.UTC(2025, 0, 15, 12);
const AT = 1_736_942_400_000;
const TIMESTAMP = String(AT / 1000);
const ID = "65a4b4eaf123456789de0001000000000000000000000001";

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

/** A change of this number. */
function change(value: Record<string, unknown>, { field = "messages", number = PHONE_NUMBER_ID } = {}) {
  const metadata = { display_phone_number: "15550783881", phone_number_id: number };
  return { field, value: { messaging_product: "whatsapp", metadata, ...value } };
}

function webhook(...changes: unknown[]) {
  return { object: "whatsapp_business_account", entry: [{ id: BUSINESS_ACCOUNT_ID, changes }] };
}

function read(body: unknown): WebhookContent {
  const content = readWebhook(bytes(body), OF, RECEIVED_AT);
  if (content.kind === "malformed") throw new Error(content.reason);
  return content;
}

const status = (name: string, more: Record<string, unknown> = {}) => ({
  ...{ id: "wamid.1", status: name, timestamp: TIMESTAMP, recipient_id: "4915112345678", biz_opaque_callback_data: ID },
  ...more,
});

const message = (type: string, content: unknown, more: Record<string, unknown> = {}) => ({
  ...{ from: "4915112345678", id: "wamid.in", timestamp: TIMESTAMP, type, [type]: content },
  ...more,
});

const ANA = { profile: { name: "Ana" }, wa_id: "4915112345678" };
const textsOf = (...messages: unknown[]) => read(webhook(change({ contacts: [ANA], messages }))).texts;

describe("the challenge", () => {
  const query = { "hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "1158201444" };

  test("is answered to whoever knows the token", () => {
    expect(verifyChallenge(query, "verify-me")).toBe("1158201444");
  });

  test("is answered to nobody else", () => {
    expect(verifyChallenge(query, "another")).toBeNull();
    expect(verifyChallenge({ ...query, "hub.verify_token": "" }, "")).toBeNull();
    expect(verifyChallenge({ ...query, "hub.mode": "unsubscribe" }, "verify-me")).toBeNull();
    expect(verifyChallenge({ ...query, "hub.verify_token": ["verify-me"] }, "verify-me")).toBeNull();
    expect(verifyChallenge({ ...query, "hub.challenge": "<script>" }, "verify-me")).toBeNull();
    expect(verifyChallenge({}, "verify-me")).toBeNull();
  });
});

describe("the signature", () => {
  const raw = bytes('{"entry":[]}');
  const sign = (secret: string) => `sha256=${createHmac("sha256", secret).update(raw).digest("hex")}`;

  test("holds for just these bytes and this secret", () => {
    expect(isSigned(raw, sign("app-secret"), "app-secret")).toBe(true);
    expect(isSigned(raw, sign("app-secret").toUpperCase().replace("SHA256", "sha256"), "app-secret")).toBe(true);
    expect(isSigned(bytes('{"entry": []}'), sign("app-secret"), "app-secret")).toBe(false);
    expect(isSigned(raw, sign("another"), "app-secret")).toBe(false);
  });

  test("is refused in any other form, and where there is no secret", () => {
    for (const header of [null, "", "sha256=", sign("app-secret").slice(0, -1), `${sign("app-secret")}0`, sign("x").slice(7)]) {
      expect(isSigned(raw, header, "app-secret")).toBe(false);
    }
    expect(isSigned(raw, sign(""), "")).toBe(false);
  });
});

describe("statuses", () => {
  test("are receipts of the messages that they name, in milliseconds", () => {
    const statuses = ["sent", "delivered", "read"].map((name) => status(name));
    expect(read(webhook(change({ statuses }))).receipts).toEqual([
      { messageId: ID, status: "SENT", at: AT, code: null, reason: null },
      { messageId: ID, status: "DELIVERED", at: AT, code: null, reason: null },
      { messageId: ID, status: "READ", at: AT, code: null, reason: null },
    ]);
  });

  test("that failed say why, by the first of their errors", () => {
    const errors = [{ code: 131026, title: "Message undeliverable", error_data: { details: "..." } }, { code: 1 }];
    expect(read(webhook(change({ statuses: [status("failed", { errors }), status("failed")] }))).receipts).toEqual([
      { messageId: ID, status: "FAILED", at: AT, code: "131026", reason: "Message undeliverable" },
      { messageId: ID, status: "FAILED", at: AT, code: null, reason: "WhatsApp did not say why" },
    ]);
  });

  test("of what others sent over the number, or of a kind that means nothing here, are counted and left", () => {
    const foreign = status("sent", { biz_opaque_callback_data: undefined });
    const odd = status("sent", { biz_opaque_callback_data: "order \u0000 7" });
    expect(read(webhook(change({ statuses: [foreign, odd, status("played"), status("sent")] })))).toMatchObject({
      receipts: [{ status: "SENT" }],
      ignored: 3,
    });
  });

  test("131050 also tells that the recipient stops, once however often it comes", () => {
    const failed = status("failed", { errors: [{ code: 131050, title: "User has stopped marketing messages" }] });
    const { receipts, texts } = read(webhook(change({ statuses: [failed, failed] })));
    expect(receipts).toHaveLength(2);
    expect(texts).toMatchObject([{ from: "+4915112345678", wish: "stop", at: AT }, {}]);
    expect(new Set(texts.map(({ providerId }) => providerId)).size).toBe(1);
  });
});

describe("what people write", () => {
  test("is a text with who, when and the name that they give themselves", () => {
    expect(textsOf(message("text", { body: "Hi! 🎉\n*stop*" }))).toEqual([
      {
        ...{ providerId: "wamid.in", from: "+4915112345678", userId: null, name: "Ana" },
        ...{ text: "Hi! 🎉\n*stop*", wish: null, at: AT },
      },
    ]);
  });

  test.each([
    ["a template's button", message("button", { payload: "p", text: "Stop" }), "Stop"],
    ["a reply button", message("interactive", { type: "button_reply", button_reply: { id: "1", title: "Yes" } }), "Yes"],
    ["a row of a list", message("interactive", { type: "list_reply", list_reply: { id: "1", title: "Tuesday" } }), "Tuesday"],
    ["a filled-in form", message("interactive", { type: "nfm_reply", nfm_reply: {} }), "[interactive]"],
    ["an image with words", message("image", { id: "1", caption: "Look" }), "[image] Look"],
    ["an image", message("image", { id: "1" }), "[image]"],
    ["a document", message("document", { id: "1", filename: "offer.pdf" }), "[document] offer.pdf"],
    ["a document with words", message("document", { id: "1", filename: "a.pdf", caption: "The offer" }), "[document] The offer"],
    ["a voice message", message("audio", { id: "1", voice: true }), "[audio]"],
    ["a place", message("location", { latitude: 1, longitude: 2, name: "Café", address: "Main St" }), "[location] Café, Main St"],
    [
      "contacts",
      message("contacts", [{ name: { formatted_name: "Bo" } }, { name: { formatted_name: "Cy" } }]),
      "[contacts] Bo, Cy",
    ],
    ["what the API cannot show", message("unsupported", { type: "poll" }), "[unsupported]"],
    ["what nobody knows yet", message("hologram", 3), "[hologram]"],
  ])("of %s, the words are kept", (_what, given, text) => {
    expect(textsOf(given)).toMatchObject([{ text, from: "+4915112345678" }]);
  });

  test("reactions and Meta's own notes are no texts", () => {
    const others = [message("reaction", { emoji: "👍" }), message("system", { body: "changed" }), message("request_welcome", {})];
    expect(read(webhook(change({ messages: others })))).toMatchObject({ texts: [], ignored: 3 });
  });

  test("from somebody who hides their number has Meta's name for them", () => {
    const contacts = [{ profile: { name: "Bo", username: "@bo" }, user_id: "DE.1349" }];
    const hidden = message("text", { body: "Hi" }, { from: undefined, from_user_id: "DE.1349" });
    const { texts } = read(webhook(change({ contacts, messages: [hidden] })));
    expect(texts).toMatchObject([{ from: null, userId: "DE.1349", name: "Bo" }]);
  });

  test("from somebody whose number is told has both names", () => {
    const contacts = [{ wa_id: "4915112345678", user_id: "DE.1349" }];
    const { texts } = read(webhook(change({ contacts, messages: [message("text", { body: "Hi" })] })));
    expect(texts).toMatchObject([{ from: "+4915112345678", userId: "DE.1349", name: null }]);
  });

  test("from nobody at all is counted and left", () => {
    const nobody = message("text", { body: "Hi" }, { from: "not-a-number" });
    expect(read(webhook(change({ messages: [nobody] })))).toMatchObject({ texts: [], ignored: 1 });
  });

  test("without a time counts from when it came", () => {
    expect(textsOf(message("text", { body: "STOP" }, { timestamp: "soon" }))).toMatchObject([{ at: RECEIVED_AT }]);
  });

  test("is of one spelling of the number, as everywhere", () => {
    expect(textsOf(message("text", { body: "Oi" }, { from: "551187654321" }))).toMatchObject([{ from: "+5511987654321" }]);
  });

  test("holds nothing that a store cannot hold", () => {
    expect(textsOf(message("text", { body: "a\u0000b\ud800" }))).toMatchObject([{ text: "ab\ufffd" }]);
  });
});

describe("preferences", () => {
  const preference = (value: string) => ({
    ...{ wa_id: "4915112345678", detail: `User requested to ${value} marketing messages` },
    ...{ category: "marketing_messages", value, timestamp: AT / 1000 },
  });

  test("are wishes, the same however often they come", () => {
    const twice = webhook(change({ contacts: [ANA], user_preferences: [preference("stop")] }, { field: "user_preferences" }));
    const [first] = read(twice).texts;
    expect(first).toMatchObject({ from: "+4915112345678", name: "Ana", wish: "stop", at: AT });
    expect(first?.text).toBe("User requested to stop marketing messages");
    expect(read(twice).texts).toEqual([first]);
    const [resumed] = read(webhook(change({ user_preferences: [preference("resume")] }))).texts;
    expect(resumed).toMatchObject({ wish: "start" });
    expect(resumed?.providerId).not.toBe(first?.providerId);
  });

  test("of another kind are counted and left", () => {
    expect(read(webhook(change({ user_preferences: [preference("constructor")] })))).toMatchObject({ texts: [], ignored: 1 });
  });
});

describe("what is not about people", () => {
  test("a template's new status is told", () => {
    const value = { event: "PAUSED", message_template_name: "offer", message_template_language: "en_US", reason: "NONE" };
    expect(read(webhook({ field: "message_template_status_update", value })).templates).toEqual([
      { name: "offer", language: "en_US", status: "PAUSED" },
    ]);
  });

  test.each([
    ["account_update", { event: "ACCOUNT_VIOLATION", violation_info: { violation_type: "ADULT" } }, "ACCOUNT_VIOLATION, ADULT"],
    ["account_update", { event: "DISABLED_UPDATE", ban_info: { waba_ban_state: "DISABLE" } }, "DISABLED_UPDATE, DISABLE"],
    ["phone_number_quality_update", { event: "DOWNGRADE", current_limit: "TIER_250" }, "DOWNGRADE, TIER_250"],
    ["account_review_update", { decision: "REJECTED" }, "REJECTED"],
    ["account_alerts", { alert_info: { alert_type: "OBA_REJECTED" } }, "OBA_REJECTED"],
  ])("news of %s is told in words", (field, value, said) => {
    expect(read(webhook({ field, value })).account).toEqual([{ reason: expect.stringContaining(`: ${said}`) }]);
  });

  test("another number's and another account's news is counted and left", () => {
    const others = change({ statuses: [status("sent")], messages: [message("text", { body: "STOP" })] }, { number: "7" });
    const foreign = { id: "7", changes: [{ field: "account_update", value: { event: "X" } }] };
    const body = { entry: [...webhook(others, { field: "security", value: {} }).entry, foreign] };
    expect(read(body)).toEqual({ kind: "read", receipts: [], texts: [], templates: [], account: [], ignored: 3 });
  });
});

test("several entries and changes in one body are all read", () => {
  const one = change({ statuses: [status("sent")] });
  const other = change({ contacts: [ANA], messages: [message("text", { body: "Hi" })] });
  const body = { entry: [...webhook(one, other).entry, ...webhook(one).entry] };
  expect(read(body)).toMatchObject({ receipts: [{}, {}], texts: [{ text: "Hi" }], ignored: 0 });
});

test.each(["", "{", "null", "7", "[]", "{}", '{"entry":{}}'])("%j is no webhook, and is answered, not thrown", (raw) => {
  expect(readWebhook(bytes(raw), OF, RECEIVED_AT)).toEqual({ kind: "malformed", reason: expect.stringMatching(/\.$/) });
});

test("bytes that are no UTF-8 are no webhook", () => {
  expect(readWebhook(Buffer.from([0x7b, 0xff, 0x7d]), OF, RECEIVED_AT)).toMatchObject({ kind: "malformed" });
});

test("whatever JSON comes, nothing throws, and all that is read can be kept", () => {
  const any = fc.jsonValue({ maxDepth: 3 });
  const field = fc.constantFrom(...["statuses", "messages", "contacts", "user_preferences"]);
  const key = fc.constantFrom(
    ...["id", "status", "timestamp", "errors", "code", "type", "text", "body", "from", "wa_id", "user_id", "value", "profile"],
    ...["from_user_id", "recipient_id", "biz_opaque_callback_data", "interactive", "button_reply", "contacts", "name"],
  );
  const word = fc.constantFrom(
    ...["failed", "text", "interactive", "contacts", "131050", "49151", "4915112345678", "stop", "__proto__", "\0"],
  );
  const item = fc.dictionary(key, fc.oneof(word, any, fc.array(fc.dictionary(key, fc.oneof(word, any)), { maxLength: 2 })));
  const value = fc.dictionary(field, fc.oneof(any, fc.array(fc.oneof(any, item), { maxLength: 3 })));
  const nearly = value.map((parts) => webhook(change(parts), parts));
  fc.assert(
    fc.property(fc.oneof({ weight: 1, arbitrary: any }, { weight: 5, arbitrary: nearly }), (body) => {
      const content = readWebhook(bytes(JSON.stringify(body)), OF, RECEIVED_AT);
      if (content.kind === "malformed") return;
      for (const { text, from, userId, at } of content.texts) {
        expect(text).not.toBe("");
        expect(text.isWellFormed()).toBe(true);
        expect(from !== null || userId !== null).toBe(true);
        expect(at).toBeGreaterThan(0);
      }
      for (const { messageId, code, status: said } of content.receipts) {
        expect(messageId).toMatch(/^[\w.:-]+$/);
        expect(code === null || said === "FAILED").toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});
