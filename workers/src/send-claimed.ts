/** Owns what happens to claimed messages: rendered, admitted, sent, and their outcome written down. */
import { unreachable } from "@mini-crm/core/app-error";
import { allowedTo } from "@mini-crm/core/campaign/allowed";
import { quietUntil } from "@mini-crm/core/campaign/quiet-hours";
import { type Allowed, wordsFor } from "@mini-crm/core/campaign/words";
import type { SendingLimits } from "@mini-crm/core/channel/limits";
import type { InboundEvent, MessageWindow } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { isE164 } from "@mini-crm/core/lead/phone";
import { judge, type Verdict } from "@mini-crm/core/message/answer";
import type { Content } from "@mini-crm/core/message/content";
import type { SkipReason } from "@mini-crm/core/message/message";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { AttemptOutcome, Step } from "@mini-crm/core/ports/steps";
import type { Claim, ClaimedMessage } from "@mini-crm/core/ports/store";
import { answerTo, noAnswerWithin, tellBreaker, wishBehind } from "./ask-provider.ts";
import type { PipelineDeps, Timing } from "./deps.ts";
import type { Sender } from "./sender.ts";
import { surely } from "./surely.ts";

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

/** Messages that were taken, and while looking at which window; nothing of them is admitted before `admitAt`. */
export interface Taken {
  window: MessageWindow;
  claim: ClaimedMessages;
  admitAt: Instant;
}

/** Brings a claim to its end; `released` messages went back to wait. */
export async function sendClaimed(
  deps: PipelineDeps,
  sender: Sender,
  taken: Taken,
  timing: Timing,
  tally: Tally,
): Promise<{ released: number }> {
  const { clock } = deps;
  const { claim, window, admitAt } = taken;
  const outcomes = new Map<string, SendOutcome>();
  const prepared = await prepareAll(deps, sender, claim, outcomes);
  // A timer may be a millisecond early, and a limit that has no room yet admits nobody.
  while (clock.now() < admitAt) await clock.sleep(Math.max(1, admitAt - clock.now()));
  const { going, latestStart } = await admit(deps, sender, prepared, outcomes);
  const { problem, wishes } = await sendAll(deps, sender, going, latestStart, timing, outcomes);

  const settled = claim.messages.map((message) => ({
    message_id: message._id,
    attempt: message.attempt,
    outcome: outcomes.get(message._id) ?? { kind: "released" as const },
  }));
  let released = 0;
  for (const { outcome } of settled) released += count(outcome, tally);
  const steps = stepsAfter(deps, settled, { window, released, wishes, problem });
  await surely(deps, () => deps.bus.commit(steps));
  return { released };
}

/** What can go out of a claim, and how; what cannot has its outcome. */
async function prepareAll(
  { store, clock }: PipelineDeps,
  sender: Sender,
  claim: ClaimedMessages,
  outcomes: Map<string, SendOutcome>,
): Promise<Prepared[]> {
  const phones = claim.messages.map(({ phone }) => phone);
  const allowed = await allowedTo(store.contacts, sender.channel(), phones, clock.now());
  const prepared: Prepared[] = [];
  for (const message of claim.messages) {
    const ready = prepare(message, claim, allowed(message.phone), clock.now());
    if ("outcome" in ready) outcomes.set(message._id, ready.outcome);
    else prepared.push(ready);
  }
  return prepared;
}

/** Which of what is prepared may go out, until `latestStart`; what was refused for a reason of its own has its outcome. */
async function admit(
  { store, clock, worker }: PipelineDeps,
  sender: Sender,
  prepared: readonly Prepared[],
  outcomes: Map<string, SendOutcome>,
): Promise<{ going: Prepared[]; latestStart: Instant }> {
  const limits = sender.limits();
  const admittedAt = clock.now();
  const admission = await store.messages.admit({
    channel_id: sender.channel()._id,
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
  return { going, latestStart: admittedAt + latestStartMs(limits) };
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

/** Puts admitted messages on the wire, side by side, and notes what came of each. */
async function sendAll(
  deps: PipelineDeps,
  sender: Sender,
  going: readonly Prepared[],
  latestStart: Instant,
  timing: Timing,
  outcomes: Map<string, SendOutcome>,
): Promise<{ problem: Verdict["campaignProblem"]; wishes: InboundEvent[] }> {
  const { clock } = deps;
  const answered = new AbortController();
  const timeout = noAnswerWithin(timing.sendTimeoutMs, clock, answered.signal);
  const judged: Judged[] = [];
  const wishes: InboundEvent[] = [];
  await Promise.all(
    going.map(async ({ message, phone, content }) => {
      // Whoever was frozen after being admitted, or finds the provider down meanwhile, sends nothing late.
      if (clock.now() > latestStart || sender.breaker.permits() === 0) return;
      const outgoing = { messageId: message._id, to: phone, ...content };
      const answer = await Promise.race([answerTo(outgoing, sender), timeout]);
      const verdict = judge(answer, message.tries, clock.now(), clock.random());
      tellBreaker(sender.breaker, verdict, answer);
      outcomes.set(message._id, verdict.outcome);
      judged.push({ content, verdict });
      const wish = wishBehind(answer, outgoing, sender, clock.now());
      if (wish !== null) wishes.push(wish);
    }),
  );
  answered.abort();
  if (going.length > 0) sender.sent();
  return { problem: problemOf(judged), wishes };
}

/** A message that was put on the wire, and what its answer meant. */
interface Judged {
  content: Content;
  verdict: Verdict;
}

/**
 * What stands in everybody's way; null where nothing does. Where another message of the same kind was taken, the refusal is one
 * recipient's, whatever it says: one bad recipient never stops the others.
 */
function problemOf(judged: readonly Judged[]): Verdict["campaignProblem"] {
  const isTemplate = ({ content }: Judged) => content.template !== null;
  const taken = new Set(judged.filter(({ verdict }) => verdict.outcome.kind === "sent").map(isTemplate));
  const refused = judged.find((one) => one.verdict.campaignProblem !== null && !taken.has(isTemplate(one)));
  return refused?.verdict.campaignProblem ?? null;
}

/**
 * What is written down of a claim, in one commit. What went back to wait is looked at once more: whoever has taken over this
 * worker's partition meanwhile may have looked there already.
 */
function stepsAfter(
  { clock, worker }: PipelineDeps,
  outcomes: readonly AttemptOutcome[],
  known: { window: MessageWindow; released: number; wishes: readonly InboundEvent[]; problem: Verdict["campaignProblem"] },
): Step[] {
  const { window, released, wishes, problem } = known;
  const now = clock.now();
  const steps: Step[] = [{ step: "record", input: { worker, outcomes, now } }];
  if (released > 0) steps.push({ step: "requeue", input: { windows: [window] } });
  if (wishes.length > 0) steps.push({ step: "hear", input: { texts: wishes, now } });
  if (problem !== null) {
    const reason = `WhatsApp refuses its messages (${problem.code}): ${problem.reason.replace(/\.$/, "")}. ${MEND_IT}`;
    steps.push({ step: "hold", input: { campaign_id: window.campaign_id, hold: { code: "refused", reason, at: now } } });
  }
  return steps;
}

const MEND_IT = "Mend that, have the failed ones tried again, and resume it";

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
