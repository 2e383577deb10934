/** Owns the stage that sends test messages: one after the other, under the channel's rate limit and circuit breaker. */
import { AppError } from "@mini-crm/core/app-error";
import { judge } from "@mini-crm/core/message/answer";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import type { TestMessage } from "@mini-crm/core/message/test-message";
import { answerTo, noAnswerWithin, tellBreaker } from "./ask-provider.ts";
import type { PipelineDeps, Stage, Timing } from "./deps.ts";
import { LATEST_START_MS } from "./send-claimed.ts";
import type { Sender } from "./send-worker.ts";

export interface TestSenderStats {
  isRunning: boolean;
  sent: number;
  errors: number;
}

const TESTS_PER_BATCH = 16;

export function startTestSender(
  deps: PipelineDeps,
  senders: ReadonlyMap<string, Sender>,
  timing: Timing,
): Stage<TestSenderStats> {
  const stats: TestSenderStats = { isRunning: true, sent: 0, errors: 0 };

  const consumption = deps.bus.consume({
    topic: "campaign.tests",
    group: "test-sender",
    batchSize: TESTS_PER_BATCH,
    async handler({ events, signal }) {
      for (const { value } of events) {
        const sender = senders.get(value.channel_id);
        if (sender === undefined) throw new Error(`No channel is called ${value.channel_id}`);
        if (await sendTest(deps, sender, value.test_id, timing, signal)) stats.sent += 1;
      }
    },
    onError(error) {
      stats.errors += 1;
      deps.log.error({ err: error, stage: "TestSender" }, "Test messages could not be sent");
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

/** Sends a test, unless it was taken already; answers whether the provider took it. What was asked once is never asked again. */
async function sendTest(
  { store, clock, worker }: PipelineDeps,
  sender: Sender,
  testId: string,
  timing: Timing,
  signal: AbortSignal,
): Promise<boolean> {
  const { channel, breaker } = sender;
  while (!signal.aborted) {
    if (breaker.permits() === 0) {
      await clock.sleep(breaker.until() - clock.now(), signal);
      continue;
    }
    const request = { _id: testId, worker, rate: channel.rate, leaseMs: timing.leaseMs, now: clock.now() };
    const claim = await store.tests.claim(request);
    if (claim.kind === "nothing") return false;
    if (claim.kind === "limited") {
      await clock.sleep(claim.until - clock.now(), signal);
      continue;
    }
    // Whoever was frozen after claiming it sends nothing late: the rate limit means the wire.
    const isLate = clock.now() > request.now + LATEST_START_MS;
    const outcome: SendOutcome = isLate ? { kind: "released" } : await outcomeOf(claim.test, sender, clock, timing);
    await store.tests.record({ _id: testId, worker, outcome, now: clock.now() });
    if (outcome.kind !== "released") return outcome.kind === "sent";
  }
  throw new AppError("CLOSED", "The worker stops before its tests are sent: they come again.", { retryable: true });
}

/** A person waits for it and can send another one, so what a campaign's message would try again later has failed. */
async function outcomeOf(
  { _id, phone, text }: TestMessage,
  sender: Sender,
  clock: PipelineDeps["clock"],
  timing: Timing,
): Promise<SendOutcome> {
  const answered = new AbortController();
  const timeout = noAnswerWithin(timing.sendTimeoutMs, clock, answered.signal);
  const answer = await Promise.race([answerTo({ messageId: _id, to: phone, text }, sender), timeout]);
  answered.abort();
  const verdict = judge(answer, 1, clock.now(), clock.random());
  tellBreaker(sender.breaker, verdict, answer);
  const { outcome } = verdict;
  return outcome.kind === "retry" ? { kind: "failed", code: outcome.code, reason: outcome.reason } : outcome;
}
