/** Owns the stage that sends to one person: tests and replies, under their channel's limits and circuit breaker. */
import { AppError } from "@mini-crm/core/app-error";
import { judge } from "@mini-crm/core/message/answer";
import type { DirectMessage } from "@mini-crm/core/message/direct-message";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import { answerTo, heedWish, noAnswerWithin, tellBreaker } from "./ask-provider.ts";
import type { PipelineDeps, Stage, Timing } from "./deps.ts";
import { latestStartMs } from "./send-claimed.ts";
import type { Sender, Senders } from "./sender.ts";

export interface DirectSenderStats {
  isRunning: boolean;
  sent: number;
  errors: number;
}

const TESTS_PER_BATCH = 16;

export function startDirectSender(deps: PipelineDeps, senders: Senders, timing: Timing): Stage<DirectSenderStats> {
  const stats: DirectSenderStats = { isRunning: true, sent: 0, errors: 0 };

  const consumption = deps.bus.consume({
    topic: "message.direct",
    group: "direct-sender",
    batchSize: TESTS_PER_BATCH,
    async handler({ events, signal }) {
      const byChannel = Map.groupBy(
        events.map(({ value }) => value),
        ({ channel_id }) => channel_id,
      );
      await Promise.all(
        [...byChannel].map(async ([channelId, looks]) => {
          for (const { direct_id } of looks) {
            const sender = await senderOf(deps, senders, channelId, signal);
            if (sender !== null && (await sendOne(deps, sender, direct_id, timing, signal))) stats.sent += 1;
          }
        }),
      );
    },
    onError(error) {
      stats.errors += 1;
      deps.log.error({ err: error, stage: "DirectSender" }, "Messages to one person could not be sent");
    },
  });

  return {
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      await consumption.close();
    },
  };
}

const LOOK_FOR_CHANNEL_EVERY_MS = 500;

/** The channel's sender, waited for where it cannot be connected yet; null where there is no such channel any more. */
async function senderOf(
  { clock }: PipelineDeps,
  senders: Senders,
  channelId: string,
  signal: AbortSignal,
): Promise<Sender | null> {
  while (!signal.aborted) {
    const sender = await senders.current(channelId);
    if (sender !== "unopened") return sender === "gone" ? null : sender;
    await clock.sleep(LOOK_FOR_CHANNEL_EVERY_MS, signal);
  }
  throw closed();
}

/** Sends one, unless it was taken already; answers whether the provider took it. What was asked once is never asked again. */
async function sendOne(
  deps: PipelineDeps,
  sender: Sender,
  directId: string,
  timing: Timing,
  signal: AbortSignal,
): Promise<boolean> {
  const { store, clock, worker } = deps;
  const { breaker } = sender;
  while (!signal.aborted) {
    if (breaker.permits() === 0) {
      await clock.sleep(breaker.until() - clock.now(), signal);
      continue;
    }
    const limits = sender.limits();
    const request = { _id: directId, worker, limits, leaseMs: timing.leaseMs, now: clock.now() };
    const claim = await store.direct.claim(request);
    if (claim.kind === "nothing") return false;
    if (claim.kind === "limited") {
      await clock.sleep(claim.until - clock.now(), signal);
      continue;
    }
    // Whoever was frozen after claiming it sends nothing late: the rate limit means the wire.
    const isLate = clock.now() > request.now + latestStartMs(limits);
    const outcome: SendOutcome = isLate ? { kind: "released" } : await outcomeOf(deps, claim.message, sender, timing);
    await store.direct.record({ _id: directId, worker, outcome, now: clock.now() });
    if (outcome.kind !== "released") return outcome.kind === "sent";
  }
  throw closed();
}

function closed(): AppError {
  return new AppError("CLOSED", "The worker stops before its messages are sent: they come again.", { retryable: true });
}

/** A person waits for it and can send another one, so what a campaign's message would try again later has failed. */
async function outcomeOf(
  deps: PipelineDeps,
  { _id, phone, content }: DirectMessage,
  sender: Sender,
  timing: Timing,
): Promise<SendOutcome> {
  const { clock } = deps;
  const outgoing = { messageId: _id, to: phone, ...content };
  const answered = new AbortController();
  const timeout = noAnswerWithin(timing.sendTimeoutMs, clock, answered.signal);
  const answer = await Promise.race([answerTo(outgoing, sender), timeout]);
  answered.abort();
  const verdict = judge(answer, 1, clock.now(), clock.random());
  tellBreaker(sender.breaker, verdict, answer);
  await heedWish(deps, sender, outgoing, answer);
  const { outcome } = verdict;
  return outcome.kind === "retry" ? { kind: "failed", code: outcome.code, reason: outcome.reason } : outcome;
}
