/** Owns what WhatsApp's refusals of a message mean, by the error of its acknowledgement. */
import type { SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";

const ONE_MINUTE_MS = 60_000;

/** `restrictedForMs` is how long the account may not begin new chats; null where it may. */
export function refusalOf(error: string, restrictedForMs: number | null): SendAnswer {
  const code = `whatsapp_${error}`;
  const later = (scope: "recipient" | "account", reason: string, retryAfterMs: number): SendAnswer => ({
    kind: "retryable",
    scope,
    code,
    reason,
    retryAfterMs,
  });
  switch (error) {
    case "463":
      // Trying the next stranger would count as one more attempt to begin a chat, and prolong the restriction.
      return restrictedForMs === null
        ? later("recipient", "WhatsApp asks for a proof of trust before this first message.", ONE_MINUTE_MS)
        : later("account", "WhatsApp lets this number begin no new chats for a time.", restrictedForMs);
    case "429":
      return later("account", "WhatsApp wants fewer messages from this number.", ONE_MINUTE_MS);
    case "404":
      return { kind: "permanent", scope: "recipient", code, reason: "WhatsApp does not know this number.", wish: null };
    case "479":
      return later(
        "recipient",
        "WhatsApp refuses the message, because what is known of the recipient's devices is out of date.",
        5_000,
      );
    default:
      return error.startsWith("5")
        ? later("account", `WhatsApp cannot take messages at the moment (${error}).`, 5_000)
        : later("recipient", `WhatsApp refuses the message with the error ${error}.`, ONE_MINUTE_MS);
  }
}
