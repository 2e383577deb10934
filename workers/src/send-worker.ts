/** Owns the middle stage: looks at pending messages become sends, under the limits and the circuit breaker of their channel. */
import { AppError } from "@mini-crm/core/app-error";
import type { MessageWindow } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import type { PipelineDeps, Stage, Timing } from "./deps.ts";
import { sendClaimed, type Tally } from "./send-claimed.ts";
import type { Sender, Senders } from "./sender.ts";

export interface SendWorkerStats extends Tally {
  isRunning: boolean;
  errors: number;
}

/** How many messages are claimed at once, and so are on the wire at once: what a crash leaves uncertain at the most. */
const MESSAGES_PER_CLAIM = 1_000;
const WINDOWS_PER_BATCH = 16;

/**
 * Channels share a partition, and so a batch, but not their limits. So a batch is one turn: what a channel that waits has not
 * sent when the turn is over goes to the back of the queue, and holds none of the others' messages up.
 */
interface Turn {
  endsAt: Instant;
  signal: AbortSignal;
}

export function startSendWorker(deps: PipelineDeps, senders: Senders, timing: Timing): Stage<SendWorkerStats> {
  const tally: Tally = { processed: 0, sent: 0, failed: 0, skipped: 0, uncertain: 0, waitedAgain: 0 };
  let errors = 0;
  let isRunning = true;

  const consumption = deps.bus.consume({
    topic: "campaign.messages",
    group: "send-worker",
    batchSize: WINDOWS_PER_BATCH,
    async handler({ events, signal, commit }) {
      const turn: Turn = { endsAt: deps.clock.now() + timing.turnMs, signal };
      const byChannel = Map.groupBy(
        events.map(({ value }) => value),
        ({ channel_id }) => channel_id,
      );
      const left = await allEnded(
        [...byChannel].map(([channelId, looks]) => sendOver(deps, senders, channelId, looks, timing, tally, turn)),
      );
      const windows = left.flat();
      if (windows.length > 0) await commit([{ step: "requeue", input: { windows } }]);
    },
    onError(error) {
      errors += 1;
      deps.log.error({ err: error, stage: "SendWorker" }, "Messages could not be sent");
    },
  });

  return {
    stats: () => ({ isRunning, ...tally, errors }),
    async close() {
      isRunning = false;
      await consumption.close();
    },
  };
}

/** Waits for all, and then rejects with what one of them did: a batch must not end while some of it is still on the wire. */
async function allEnded<T>(running: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(running);
  return ended.map((end) => {
    if (end.status === "rejected") throw end.reason;
    return end.value;
  });
}

/** Works through a channel's looks; answers what is left of them when the turn is over. */
async function sendOver(
  deps: PipelineDeps,
  senders: Senders,
  channelId: string,
  looks: readonly MessageWindow[],
  timing: Timing,
  tally: Tally,
  turn: Turn,
): Promise<MessageWindow[]> {
  const sender = await senders.current(channelId);
  if (sender === "gone") return holdCampaigns(deps, channelId, looks);
  if (sender === "unopened") {
    await deps.clock.sleep(turn.endsAt - deps.clock.now(), turn.signal);
    return [...looks];
  }
  const left: MessageWindow[] = [];
  const windows = looks.values();
  const sendOn = async () => {
    for (const window of windows) {
      const rest = await sendWindow(deps, sender, window, timing, tally, turn);
      if (rest !== null) left.push(rest);
    }
  };
  // Without a limit the store writes one window down while the other is rendered and sent.
  if (sender.limits().rate === null) {
    await allEnded([sendOn(), sendOn()]);
    return left;
  }
  await sendOn();
  return spansOf(left);
}

/** Campaigns that wait for one limit are looked at as a whole, so that however many windows wait, few events go round. */
function spansOf(windows: readonly MessageWindow[]): MessageWindow[] {
  const spans = new Map<string, MessageWindow>();
  for (const window of windows) {
    const span = spans.get(window.campaign_id);
    spans.set(window.campaign_id, span === undefined ? window : spanning(span, window));
  }
  return [...spans.values()];
}

function spanning(one: MessageWindow, other: MessageWindow): MessageWindow {
  const after = one.after === null || other.after === null ? null : one.after < other.after ? one.after : other.after;
  const up_to = one.up_to > other.up_to ? one.up_to : other.up_to;
  return { ...one, after, up_to, messages: one.messages + other.messages };
}

/** Campaigns whose channel was removed wait for a person; nothing is left to look at. */
async function holdCampaigns(
  { bus, clock, log }: PipelineDeps,
  channelId: string,
  looks: readonly MessageWindow[],
): Promise<MessageWindow[]> {
  const reason = `Its channel ${channelId} is not there any more: make one of that name, and resume it, or cancel it`;
  for (const campaign_id of new Set(looks.map((look) => look.campaign_id))) {
    const hold = { code: "channel_gone", reason, at: clock.now() };
    const [{ held }] = await bus.commit([{ step: "hold", input: { campaign_id, hold } }]);
    if (held) log.warn({ campaign: campaign_id, reason }, "A campaign waits for a person");
  }
  return [];
}

/** Sends what is pending in a window until nothing of it can be claimed any more (null), or the turn is over: then, what is left. */
async function sendWindow(
  deps: PipelineDeps,
  sender: Sender,
  window: MessageWindow,
  timing: Timing,
  tally: Tally,
  { endsAt, signal }: Turn,
): Promise<MessageWindow | null> {
  const { store, clock, worker } = deps;
  const waitUntil = (at: Instant) => clock.sleep(Math.min(at, endsAt) - clock.now(), signal);
  let after = window.after;
  while (!signal.aborted) {
    if (clock.now() >= endsAt) return { ...window, after };
    const permits = sender.permits();
    if (permits === 0) {
      await waitUntil(sender.until());
      continue;
    }
    const claim = await store.messages.claim({
      campaign_id: window.campaign_id,
      channel_id: window.channel_id,
      after,
      up_to: window.up_to,
      worker,
      max: Math.min(permits, MESSAGES_PER_CLAIM),
      limits: sender.limits(),
      leaseMs: timing.leaseMs,
      now: clock.now(),
    });
    if (claim.kind === "nothing") return null;
    if (claim.kind === "limited") {
      await waitUntil(claim.until);
      continue;
    }
    const { released } = await sendClaimed(deps, sender, claim, timing, tally);
    // The next claim begins behind this one, unless some of it went back to wait.
    after = released === 0 ? (claim.messages.at(-1)?.lead_id ?? after) : window.after;
  }
  throw new AppError("CLOSED", "The worker stops before its batch is done: it comes again, and the store knows what is left.", {
    retryable: true,
  });
}
