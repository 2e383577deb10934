/** Owns how a provider is asked to send a text, and how its channel's circuit breaker hears of the answer. */
import type { Verdict } from "@mini-crm/core/message/answer";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { OutgoingText, SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import type { Sender } from "./send-worker.ts";

/** The provider's answer; a failure that is none of its answers means that nobody knows. */
export async function answerTo(text: OutgoingText, { channel }: Sender): Promise<SendAnswer> {
  try {
    return await channel.provider.send(text);
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
  else breaker.failed("reason" in answer ? answer.reason : "No reason given", verdict.restMs);
}
