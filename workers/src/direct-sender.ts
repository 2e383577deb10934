/** Owns the stage that sends to one person: tests and replies, under their channel's limits and circuit breaker. */
import { AppError } from "@mini-crm/core/app-error";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import type { DirectLook } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { judge } from "@mini-crm/core/message/answer";
import type { DirectMessage } from "@mini-crm/core/message/direct-message";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import { reasonOf } from "@mini-crm/core/message/reasons";
import { answerTo, noAnswerWithin, tellBreaker, wishBehind } from "./ask-provider.ts";
import type { PipelineDeps, Stage, Timing } from "./deps.ts";
import { latestStartMs } from "./send-claimed.ts";
import type { Sender, Senders } from "./sender.ts";
import { surely } from "./surely.ts";
import { createWire, startTurn, type Turn, type Wire } from "./turn.ts";

export interface DirectSenderStats {
  isRunning: boolean;
  sent: number;
  errors: number;
}

const MESSAGES_PER_BATCH = 64;
/** A person waits for each of these: whoever waits for a limit lets the others have their turn soon. */
const TURN_MS = 1_000;

export function startDirectSender(deps: PipelineDeps, senders: Senders, timing: Timing): Stage<DirectSenderStats> {
  const stats: DirectSenderStats = { isRunning: true, sent: 0, errors: 0 };
  const onError = (error: unknown) => {
    stats.errors += 1;
    deps.log.error({ err: error, stage: "DirectSender" }, "Messages to one person could not be sent");
  };
  const wire = createWire(onError);

  const consumption = deps.bus.consume({
    topic: "message.direct",
    group: "direct-sender",
    batchSize: MESSAGES_PER_BATCH,
    async handler({ events, signal }) {
      const turn = startTurn(deps.clock, TURN_MS, signal);
      const byChannel = Map.groupBy(
        events.map(({ value }) => value),
        ({ channel_id }) => channel_id,
      );
      const left = await Promise.all(
        [...byChannel].map(([channelId, looks]) => sendOver({ ...deps, timing, stats, turn, wire }, senders, channelId, looks)),
      );
      const again = left.flat().map((value) => ({ topic: "message.direct" as const, key: value.channel_id, value }));
      if (again.length > 0) await deps.bus.publish(again);
    },
    onError,
  });

  return {
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      await consumption.close();
      await wire.close();
    },
  };
}

/** What a batch is worked through with. */
interface Batch extends PipelineDeps {
  timing: Timing;
  stats: DirectSenderStats;
  turn: Turn;
  wire: Wire;
}

/** Sends a channel's messages in the order in which they were written; answers what is left of them when the turn is over. */
async function sendOver(
  batch: Batch,
  senders: Senders,
  channelId: string,
  looks: readonly DirectLook[],
): Promise<readonly DirectLook[]> {
  const { turn, wire } = batch;
  const inOrder = looks.toSorted((one, other) => (one.direct_id < other.direct_id ? -1 : 1));
  const sender = await senders.current(channelId);
  if (sender === "gone") {
    for (const { direct_id } of inOrder) await giveUp(batch, direct_id);
    return [];
  }
  if (sender === "unopened") await turn.waitUntil(Number.POSITIVE_INFINITY);
  if (sender === "unopened" || !(await wire.isFree(channelId, turn))) return inOrder;
  for (const [index, { direct_id }] of inOrder.entries()) {
    if ((await sendOne(batch, sender, direct_id)) === "over") return inOrder.slice(index);
  }
  return [];
}

/** What was to go over a channel that is not there any more has failed: nothing else would ever end it. */
async function giveUp(batch: Batch, directId: string): Promise<void> {
  const { store, clock, worker, timing } = batch;
  const request = { _id: directId, worker, limits: NO_LIMITS, leaseMs: timing.leaseMs, now: clock.now() };
  const claim = await store.direct.claim(request);
  if (claim.kind !== "claimed") return;
  const outcome = { kind: "failed", code: "channel_gone", reason: reasonOf("channel_gone") } as const;
  await surely(batch, () => store.direct.record({ _id: directId, worker, outcome, now: clock.now() }));
}

/**
 * Sends one, unless it was taken already. `over`: the turn ended while it waited for its channel, or for its answer. What was asked
 * once is never asked again.
 */
async function sendOne(batch: Batch, sender: Sender, directId: string): Promise<"done" | "over"> {
  const { store, clock, worker, timing, turn, wire } = batch;
  const { breaker } = sender;
  while (!turn.signal.aborted) {
    if (turn.isOver()) return "over";
    if (breaker.permits() === 0) {
      await turn.waitUntil(breaker.until());
      continue;
    }
    const request = { _id: directId, worker, limits: sender.limits(), leaseMs: timing.leaseMs, now: clock.now() };
    const claim = await store.direct.claim(request);
    if (claim.kind === "nothing") return "done";
    if (claim.kind === "limited") {
      await turn.waitUntil(claim.until);
      continue;
    }
    const { message } = claim;
    const latestStart = request.now + latestStartMs(request.limits);
    const carried = await wire.carry(message.channel_id, turn, () => sendClaimed(batch, sender, message, latestStart));
    if (carried !== "released") return carried;
  }
  throw closed();
}

/** Sends a message that was taken, and writes down what came of it; `released`: nobody was asked. */
async function sendClaimed(
  batch: Batch,
  sender: Sender,
  message: DirectMessage,
  latestStart: Instant,
): Promise<"done" | "released"> {
  const { store, clock, worker, stats } = batch;
  // Whoever was frozen after claiming it sends nothing late: the rate limit means the wire.
  const isLate = clock.now() > latestStart;
  const outcome: SendOutcome = isLate ? { kind: "released" } : await outcomeOf(batch, message, sender);
  await surely(batch, () => store.direct.record({ _id: message._id, worker, outcome, now: clock.now() }));
  if (outcome.kind === "sent") stats.sent += 1;
  return outcome.kind === "released" ? "released" : "done";
}

function closed(): AppError {
  return new AppError("CLOSED", "The worker stops before its messages are sent: they come again.", { retryable: true });
}

/** A person waits for it and can send another one, so what a campaign's message would try again later has failed. */
async function outcomeOf(batch: Batch, { _id, phone, content }: DirectMessage, sender: Sender): Promise<SendOutcome> {
  const { bus, clock, timing } = batch;
  const outgoing = { messageId: _id, to: phone, ...content };
  const answered = new AbortController();
  const timeout = noAnswerWithin(timing.sendTimeoutMs, clock, answered.signal);
  const answer = await Promise.race([answerTo(outgoing, sender), timeout]);
  answered.abort();
  const verdict = judge(answer, 1, clock.now(), clock.random());
  tellBreaker(sender.breaker, verdict, answer);
  // It waits for no rest itself, because a person waits for it; campaigns rest after it as after any message.
  sender.sent();
  const wish = wishBehind(answer, outgoing, sender, clock.now());
  if (wish !== null) await surely(batch, () => bus.commit([{ step: "hear", input: { texts: [wish], now: clock.now() } }]));
  const { outcome } = verdict;
  return outcome.kind === "retry" ? { kind: "failed", code: outcome.code, reason: outcome.reason } : outcome;
}
