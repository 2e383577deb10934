/** Owns what happens to claimed messages: rendered, admitted, sent, and their outcome written down. */
import { AppError, unreachable } from "@mini-crm/core/app-error";
import { allowedTo } from "@mini-crm/core/campaign/allowed";
import { quietUntil } from "@mini-crm/core/campaign/quiet-hours";
import { type Allowed, wordsFor } from "@mini-crm/core/campaign/words";
import type { SendingLimits } from "@mini-crm/core/channel/limits";
import type { Instant } from "@mini-crm/core/instant";
import { isE164 } from "@mini-crm/core/lead/phone";
import { judge, type Verdict } from "@mini-crm/core/message/answer";
import type { Content } from "@mini-crm/core/message/content";
import { parseMessageId, type SkipReason } from "@mini-crm/core/message/message";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { AttemptOutcome, StepTable } from "@mini-crm/core/ports/steps";
import type { Claim, ClaimedMessage } from "@mini-crm/core/ports/store";
import { answerTo, heedWish, noAnswerWithin, tellBreaker } from "./ask-provider.ts";
import type { PipelineDeps, Timing } from "./deps.ts";
import type { Sender } from "./sender.ts";

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

/** A message with what is to go out. */
interface Prepared {
  message: ClaimedMessage;
  phone: string;
  content: Content;
}

/**
 * Between being admitted and leaving; later than this, a message goes back instead, so that the rate limit means the wire. Where it
 * counts by the second, a second late would be twice the limit.
 */
export function latestStartMs({ rate }: Pick<SendingLimits, "rate">): number {
  return Math.min(1_000, (rate?.windowMs ?? Number.POSITIVE_INFINITY) / 4);
}

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
  const channel_id = sender.channel()._id;
  const phones = claim.messages.map(({ phone }) => phone);
  const over = { channelId: channel_id, hasWindow: sender.hasWindow };
  const allowed = await allowedTo(store.contacts, over, phones, clock.now());
  const prepared: Prepared[] = [];
  for (const message of claim.messages) {
    const ready = prepare(message, claim, allowed(message.phone), clock.now());
    if ("outcome" in ready) outcomes.set(message._id, ready.outcome);
    else prepared.push(ready);
  }

  const limits = sender.limits();
  const admittedAt = clock.now();
  const admission = await store.messages.admit({
    channel_id,
    worker,
    messages: prepared.map(({ message, phone, content }) => {
      return { _id: message._id, attempt: message.attempt, phone, text: content.text };
    }),
    limits,
    now: admittedAt,
  });
  for (const id of admission.opted_out) outcomes.set(id, skipped("opted_out"));
  for (const id of admission.capped) outcomes.set(id, skipped("frequency_cap"));
  for (const { _id, until } of admission.too_soon) {
    outcomes.set(_id, { kind: "deferred", code: "too_soon", reason: reasonOf("too_soon"), dueAt: until });
  }
  const admitted = new Set(admission.admitted);
  const going = prepared.filter(({ message }) => admitted.has(message._id));
  const problem = await sendAll(deps, sender, going, admittedAt + latestStartMs(limits), timing, outcomes);

  const settled = claim.messages.map((message) => ({
    message_id: message._id,
    attempt: message.attempt,
    outcome: outcomes.get(message._id) ?? { kind: "released" as const },
  }));
  await recordSurely(deps, settled, problem && holdOf(claim.messages, problem, clock.now()));
  let released = 0;
  for (const { outcome } of settled) released += count(outcome, tally);
  return { released };
}

function prepare(
  message: ClaimedMessage,
  claim: ClaimedMessages,
  allowed: Allowed,
  now: Instant,
): Prepared | { outcome: SendOutcome } {
  if (message.lead === null) return { outcome: skipped("lead_deleted") };
  if (message.phone === null) return { outcome: skipped("no_phone") };
  if (!isE164(message.phone)) return { outcome: skipped("invalid_number") };
  const quiet = claim.quiet_hours === null ? null : quietUntil(claim.quiet_hours, message.lead.timezone, now);
  if (quiet !== null) {
    return { outcome: { kind: "deferred", code: "quiet_hours", reason: reasonOf("quiet_hours"), dueAt: quiet } };
  }
  const { worded } = wordsFor(claim, message._id, message.lead, now, allowed);
  switch (worded.kind) {
    case "content":
      return { message, phone: message.phone, content: worded.content };
    case "blank":
      return { outcome: skipped("blank_variable", `Nothing is known for {{ ${worded.variable} }}`) };
    case "failed":
      return { outcome: { kind: "failed", code: "render_failed", reason: worded.reason } };
    case "outside_window":
      return { outcome: skipped("outside_window") };
    default:
      return unreachable(worded);
  }
}

function skipped(reason: SkipReason, detail = reasonOf(reason)): SendOutcome {
  return { kind: "skipped", reason, detail };
}

/** Puts admitted messages on the wire, side by side, and notes what came of each; answers what stands in everybody's way. */
async function sendAll(
  deps: PipelineDeps,
  sender: Sender,
  going: readonly Prepared[],
  latestStart: Instant,
  timing: Timing,
  outcomes: Map<string, SendOutcome>,
): Promise<Verdict["campaignProblem"]> {
  const { clock } = deps;
  const answered = new AbortController();
  const timeout = noAnswerWithin(timing.sendTimeoutMs, clock, answered.signal);
  let problem: Verdict["campaignProblem"] = null;
  await Promise.all(
    going.map(async ({ message, phone, content }) => {
      // Whoever was frozen after being admitted, or finds the provider down meanwhile, sends nothing late; nor what is known to fail.
      if (clock.now() > latestStart || sender.breaker.permits() === 0 || problem !== null) return;
      const outgoing = { messageId: message._id, to: phone, ...content };
      const answer = await Promise.race([answerTo(outgoing, sender), timeout]);
      const verdict = judge(answer, message.tries, clock.now(), clock.random());
      tellBreaker(sender.breaker, verdict, answer);
      outcomes.set(message._id, verdict.outcome);
      problem ??= verdict.campaignProblem;
      await heedWish(deps, sender, outgoing, answer);
    }),
  );
  answered.abort();
  if (going.length > 0) sender.sent();
  return problem;
}

/** The campaign of these messages, of which there is one, waits for a person. */
function holdOf(
  messages: readonly ClaimedMessage[],
  { code, reason }: { code: string; reason: string },
  at: Instant,
): HoldInput | null {
  const key = parseMessageId(messages[0]?._id ?? "");
  const told = `WhatsApp refuses its messages (${code}): ${reason}. Mend that, have the failed ones tried again, and resume it`;
  return key && { campaign_id: key.campaignId, hold: { code: "refused", reason: told, at } };
}

type HoldInput = StepTable["hold"]["input"];

const FIRST_RECORD_RETRY_MS = 100;
const LONGEST_RECORD_RETRY_MS = 5_000;

/**
 * Writes outcomes down, however long the store is out of reach: they exist nowhere else. What dies with the process becomes
 * free or uncertain when the lease ends.
 */
async function recordSurely(
  { bus, clock, log, worker }: PipelineDeps,
  outcomes: readonly AttemptOutcome[],
  hold: HoldInput | null,
): Promise<void> {
  for (let waitMs = FIRST_RECORD_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RECORD_RETRY_MS)) {
    try {
      const held = hold === null ? [] : [{ step: "hold", input: hold } as const];
      await bus.commit([{ step: "record", input: { worker, outcomes, now: clock.now() } }, ...held]);
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
