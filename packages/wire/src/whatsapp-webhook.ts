/** Owns what Meta's webhooks are asked and answered, as the API documents it; what is in them, the Cloud API's adapter reads. */
import { Type } from "typebox";
import { success } from "./envelope.ts";

/** Other fields may come along: who calls is not ours to correct. */
export const ChallengeQuery = Type.Object({
  "hub.mode": Type.Optional(Type.Unknown()),
  "hub.verify_token": Type.Optional(Type.Unknown()),
  "hub.challenge": Type.Optional(Type.Unknown()),
});

export const ChallengeAnswer = {
  description: "The challenge, as it came",
  content: { "text/plain": { schema: Type.String() } },
};

export const WhatsAppWebhookAnswer = success(
  Type.Object({
    receipts: Type.Integer({ description: "Receipts of messages that were sent from here" }),
    texts: Type.Integer({ description: "What people wrote, or asked for by WhatsApp's own controls" }),
    templates: Type.Integer({ description: "Templates whose status has changed" }),
  }),
);
