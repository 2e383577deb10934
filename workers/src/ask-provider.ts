/** Owns how a provider is asked to send a message, and how its channel's circuit breaker hears of the answer. */
import { textEvent } from "@mini-crm/core/event/heard";
import type { InboundEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import type { Verdict } from "@mini-crm/core/message/answer";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { OutgoingMessage, SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import type { Sender } from "./sender.ts";

/** The provider's answer; a failure that is none of its answers means that nobody knows. */
export async function answerTo(message: OutgoingMessage, { provider }: Sender): Promise<SendAnswer> {
  try {
    return await provider.send(message);
  } catch (error) {
    return { kind: "unknown", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The answer that counts where none has come within `timeoutMs`; `answered` calls the waiting off. */
export async function noAnswerWithin(timeoutMs: number, clock: Clock, answered: AbortSignal): Promise<SendAnswer> {
  await clock.sleep(timeoutMs, answered);
  return { kind: "unknown", reason: `WhatsApp did not answer within ${timeoutMs / 1000} s` };
}

export function tellBreaker(breaker: Sender["breaker"], verdict: Verdict, answer: SendAnswer): void {
  if (verdict.providerWorks) breaker.succeeded();
  else if (answer.kind === "session") breaker.unconnected(answer.reason);
  else breaker.failed("reason" in answer ? answer.reason : "No reason given", verdict.restMs);
}

/** Where the answer was that the recipient wants no (more) messages: as if they had written it. */
export function wishBehind(
  answer: SendAnswer,
  { messageId, to }: OutgoingMessage,
  sender: Pick<Sender, "channel">,
  at: Instant,
): InboundEvent | null {
  if (answer.kind !== "permanent" || answer.wish === null) return null;
  const { wish, reason: text } = answer;
  const heard = { providerId: `${wish}-${messageId}`, from: to, userId: null, name: null, text, wish, at };
  return textEvent(sender.channel()._id, heard).value;
}
