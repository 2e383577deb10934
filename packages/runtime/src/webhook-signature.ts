/** Owns how deliveries to webhooks are signed, as the Standard Webhooks specification (standardwebhooks.com) has it. */
import { createHmac, randomBytes } from "node:crypto";
import type { Instant } from "@mini-crm/core/instant";

const SECRET_BYTES = 32;

/** A new secret: `whsec_` and base64. */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
}

/** The headers that let whoever knows `secret` tell that a delivery is genuine, fresh, and the same one again. */
export function signedHeaders(delivery: { id: string; body: string; secret: string; at: Instant }): Record<string, string> {
  const { id, body, secret, at } = delivery;
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
}
