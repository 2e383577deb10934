/** Owns Meta's part in tests of the backend: a Cloud API channel, what it is told, and how that is signed. */
import { createHmac } from "node:crypto";
import type { TestBackend } from "./test-backend.ts";

export const CLOUD = {
  phone_number_id: "106540352242922",
  business_account_id: "102290129340398",
  access_token: "EAAG-an-access-token",
  app_secret: "an-app-secret",
  verify_token: "a-verify-token",
};

/** Makes the Cloud API channel `id`, whose Graph API is at `base_url`; the number of `CLOUD` is that of `shop`. */
export async function cloudChannel(backend: TestBackend, id = "shop", base_url = "https://graph.facebook.com"): Promise<void> {
  const phone_number_id = id === "shop" ? CLOUD.phone_number_id : `number-of-${id}`;
  const cloud = { ...CLOUD, phone_number_id, base_url };
  const { status } = await backend.call("POST", "/api/v1/channels", { _id: id, name: id, kind: "cloud", cloud });
  if (status !== 201) throw new Error(`The channel was not made: ${status}`);
}

/** A webhook that holds `value` of the channel's number. */
export function numberNews(value: object): object {
  const metadata = { display_phone_number: "15550783881", phone_number_id: CLOUD.phone_number_id };
  return news("messages", { messaging_product: "whatsapp", metadata, ...value });
}

export function news(field: string, value: object): object {
  return { object: "whatsapp_business_account", entry: [{ id: CLOUD.business_account_id, changes: [{ field, value }] }] };
}

/** A text of `from` (digits only), written at `at`. */
export function textNews(from: string, text: string, at: number, id = `wamid.${from}.${at}`): object {
  const message = { from, id, timestamp: String(Math.floor(at / 1_000)), type: "text", text: { body: text } };
  return numberNews({ contacts: [{ profile: { name: "Ana" }, wa_id: from }], messages: [message] });
}

/** Posts `body` as Meta does; `signature` takes the place of the right one. */
export async function postNews(
  { app }: TestBackend,
  body: object | string,
  { id = "shop", signature }: { id?: string; signature?: string | null } = {},
): Promise<{ status: number; body: ReturnType<typeof JSON.parse> }> {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  const right = `sha256=${createHmac("sha256", CLOUD.app_secret).update(payload).digest("hex")}`;
  const headers = {
    "content-type": "application/json",
    ...(signature === null ? {} : { "x-hub-signature-256": signature ?? right }),
  };
  const answer = await app.inject({ method: "POST", url: `/webhooks/whatsapp/${id}`, headers, payload });
  return { status: answer.statusCode, body: answer.json() };
}

/** Works through what was told, and carries out what that publishes to `message.inbound` and `message.statuses`, as the workers would. */
export async function workThrough({ bus, clock, webhookInbox }: TestBackend): Promise<void> {
  while ((await webhookInbox.waiting()) > 0) await clock.sleep(10);
  const inbound = bus.consume({
    topic: "message.inbound",
    group: "inbound-listener",
    batchSize: 100,
    handler: async ({ events, commit }) => {
      const texts = events.map(({ value }) => value);
      await commit([{ step: "hear", input: { texts, now: clock.now() } }]);
    },
    onError: () => undefined,
  });
  const statuses = bus.consume({
    topic: "message.statuses",
    group: "status-aggregator",
    batchSize: 100,
    handler: async ({ events, commit }) => {
      const receipts = events.map(({ value }) => value);
      const now = clock.now();
      await commit([{ step: "fold", input: { receipts, campaigns: [], now, receiptWindowMs: 60_000 } }]);
    },
    onError: () => undefined,
  });
  try {
    while ((await bus.lag("message.inbound", "inbound-listener")) > 0) await clock.sleep(10);
    while ((await bus.lag("message.statuses", "status-aggregator")) > 0) await clock.sleep(10);
  } finally {
    await Promise.all([inbound.close(), statuses.close()]);
  }
}
