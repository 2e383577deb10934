/** Owns what happens to claimed messages: rendered, admitted, sent, and their outcome written down. */
import { AppError, unreachable } from "@mini-crm/core/app-error";
import { quietUntil } from "@mini-crm/core/campaign/quiet-hours";
import { wordsFor } from "@mini-crm/core/campaign/words";
import type { Instant } from "@mini-crm/core/instant";
import { isE164 } from "@mini-crm/core/lead/phone";
import { judge } from "@mini-crm/core/message/answer";
import type { SkipReason } from "@mini-crm/core/message/message";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { AttemptOutcome } from "@mini-crm/core/ports/steps";
import type { Claim, ClaimedMessage } from "@mini-crm/core/ports/store";
import { answerTo, noAnswerWithin, tellBreaker } from "./ask-provider.ts";
import type { PipelineDeps, Timing } from "./deps.ts";
import type { Sender } from "./send-worker.ts";

/** What has become of messages so far, counted up. */
export interface Tally {
  /** Messages whose sending came to an end here: sent, failed, skipped or uncertain. */
  processed: number;
  sent: number;
  failed: number;
  skipped: number;
  uncertain: number;
  /** Messages that went back to wait: for a retry, for the end of quiet hours, or for the provider. */
  waitedAgain: number;
}

type ClaimedMessages = Extract<Claim, { kind: "claimed" }>;

/** A message with the text that is to go out. */
interface Rendered {
  message: ClaimedMessage;
  phone: string;
  text: string;
}

/** Between being admitted and leaving; later than this, a message goes back instead, so that the rate limit means the wire. */
export const LATEST_START_MS = 1_000;

/** Brings a claim to its end; `released` messages went back to wait. */
export async function sendClaimed(
  deps: PipelineDeps,
  sender: Sender,
  claim: ClaimedMessages,
  timing: Timing,
  tally: Tally,
): Promise<{ released: number }> {
  const { store, clock, worker } = deps;
  const outcomes = new Map<string, SendOutcome>();
  const rendered: Rendered[] = [];
  for (const message of claim.messages) {
    const ready = prepare(message, claim, clock.now());
    if ("outcome" in ready) outcomes.set(message._id, ready.outcome);
    else rendered.push(ready);
  }

  const admittedAt = clock.now();
  const admission = await store.messages.admit({
    channel_id: sender.channel.id,
    worker,
    messages: rendered.map(({ message, text }) => ({ _id: message._id, attempt: message.attempt, text })),
    rate: sender.channel.rate,
    now: admittedAt,
  });
  for (const id of admission.opted_out) outcomes.set(id, skipped("opted_out"));
  for (const id of admission.capped) outcomes.set(id, skipped("frequency_cap"));
  const admitted = new Set(admission.admitted);
  const going = rendered.filter(({ message }) => admitted.has(message._id));
  await sendAll(deps, sender, going, admittedAt + LATEST_START_MS, timing, outcomes);

  const settled = claim.messages.map((message) => ({
    message_id: message._id,
    attempt: message.attempt,
    outcome: outcomes.get(message._id) ?? { kind: "released" as const },
  }));
  await recordSurely(deps, settled);
  let released = 0;
  for (const { outcome } of settled) released += count(outcome, tally);
  return { released };
}

function prepare(message: ClaimedMessage, claim: ClaimedMessages, now: Instant): Rendered | { outcome: SendOutcome } {
  if (message.lead === null) return { outcome: skipped("lead_deleted") };
  if (message.phone === null) return { outcome: skipped("no_phone") };
  if (!isE164(message.phone)) return { outcome: skipped("invalid_number") };
  const quiet = claim.quiet_hours === null ? null : quietUntil(claim.quiet_hours, message.lead.timezone, now);
  if (quiet !== null) {
    return { outcome: { kind: "deferred", code: "quiet_hours", reason: reasonOf("quiet_hours"), dueAt: quiet } };
  }
  const { rendered } = wordsFor(claim.variants, message._id, message.lead, now);
  switch (rendered.kind) {
    case "text":
      return { message, phone: message.phone, text: rendered.text };
    case "blank":
      return { outcome: skipped("blank_variable", `Nothing is known for {{ ${rendered.variable} }}`) };
    case "failed":
      return { outcome: { kind: "failed", code: "render_failed", reason: rendered.reason } };
    default:
      return unreachable(rendered);
  }
}

function skipped(reason: SkipReason, detail = reasonOf(reason)): SendOutcome {
  return { kind: "skipped", reason, detail };
}

/** Puts admitted messages on the wire, side by side, and notes what came of each. */
async function sendAll(
  deps: PipelineDeps,
  sender: Sender,
  going: readonly Rendered[],
  latestStart: Instant,
  timing: Timing,
  outcomes: Map<string, SendOutcome>,
): Promise<void> {
  const { clock } = deps;
  const answered = new AbortController();
  const timeout = noAnswerWithin(timing.sendTimeoutMs, clock, answered.signal);
  await Promise.all(
    going.map(async ({ message, phone, text }) => {
      // Whoever was frozen after being admitted, or finds the provider down meanwhile, sends nothing late.
      if (clock.now() > latestStart || sender.breaker.permits() === 0) return;
      const answer = await Promise.race([answerTo({ messageId: message._id, to: phone, text }, sender), timeout]);
      const verdict = judge(answer, message.tries, clock.now(), clock.random());
      tellBreaker(sender.breaker, verdict, answer);
      outcomes.set(message._id, verdict.outcome);
    }),
  );
  answered.abort();
}

const FIRST_RECORD_RETRY_MS = 100;
const LONGEST_RECORD_RETRY_MS = 5_000;

/**
 * Writes outcomes down, however long the store is out of reach: they exist nowhere else. What dies with the process becomes
 * free or uncertain when the lease ends.
 */
async function recordSurely({ bus, clock, log, worker }: PipelineDeps, outcomes: readonly AttemptOutcome[]): Promise<void> {
  for (let waitMs = FIRST_RECORD_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RECORD_RETRY_MS)) {
    try {
      await bus.commit([{ step: "record", input: { worker, outcomes, now: clock.now() } }]);
      return;
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      log.warn({ err: error }, "Outcomes could not be written down yet");
      await clock.sleep(waitMs);
    }
  }
}

/** Counts an outcome; answers 1 where the message went back to wait. */
function count(outcome: SendOutcome, tally: Tally): 0 | 1 {
  switch (outcome.kind) {
    case "sent":
    case "failed":
    case "skipped":
    case "uncertain":
      tally.processed += 1;
      tally[outcome.kind] += 1;
      return 0;
    case "retry":
    case "deferred":
      tally.waitedAgain += 1;
      return 0;
    case "released":
      tally.waitedAgain += 1;
      return 1;
    default:
      return unreachable(outcome);
  }
}
