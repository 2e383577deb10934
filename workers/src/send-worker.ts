/** Owns the middle stage: looks at pending messages become sends, under the limits and the circuit breaker of their channel. */
import { AppError } from "@mini-crm/core/app-error";
import { goesBefore } from "@mini-crm/core/campaign/going-out";
import type { SendingLimits } from "@mini-crm/core/channel/limits";
import type { MessageWindow } from "@mini-crm/core/event/topics";
import type { PipelineDeps, Stage, Timing } from "./deps.ts";
import { sendClaimed, type Tally } from "./send-claimed.ts";
import type { Sender, Senders } from "./sender.ts";
import { createWire, startTurn, type Turn, type Wire } from "./turn.ts";

export interface SendWorkerStats extends Tally {
  isRunning: boolean;
  errors: number;
}

/** How many messages are claimed at once, and so are on the wire at once: what a crash leaves uncertain at the most. */
const MESSAGES_PER_CLAIM = 1_000;
/** So many that all campaigns that wait for one channel are among them, and the oldest goes first. */
const WINDOWS_PER_BATCH = 64;

export function startSendWorker(deps: PipelineDeps, senders: Senders, timing: Timing): Stage<SendWorkerStats> {
  const tally: Tally = { processed: 0, sent: 0, failed: 0, skipped: 0, uncertain: 0, waitedAgain: 0 };
  let errors = 0;
  let isRunning = true;
  const onError = (error: unknown) => {
    errors += 1;
    deps.log.error({ err: error, stage: "SendWorker" }, "Messages could not be sent");
  };
  const wire = createWire(onError);

  const consumption = deps.bus.consume({
    topic: "campaign.messages",
    group: "send-worker",
    batchSize: WINDOWS_PER_BATCH,
    async handler({ events, signal, commit }) {
      const turn = startTurn(deps.clock, timing.turnMs, signal);
      const byChannel = Map.groupBy(
        events.map(({ value }) => value),
        ({ channel_id }) => channel_id,
      );
      const left = await allEnded(
        [...byChannel].map(([channelId, looks]) => sendOver({ ...deps, timing, tally, turn, wire }, senders, channelId, looks)),
      );
      const windows = left.flat();
      if (windows.length > 0) await commit([{ step: "requeue", input: { windows } }]);
    },
    onError,
  });

  return {
    stats: () => ({ isRunning, ...tally, errors }),
    async close() {
      isRunning = false;
      await consumption.close();
      await wire.close();
    },
  };
}

/** What a batch is worked through with. */
interface Batch extends PipelineDeps {
  timing: Timing;
  tally: Tally;
  turn: Turn;
  wire: Wire;
}

/** Waits for all, and then rejects with what one of them did: a batch must not come again while some of it is still at work. */
async function allEnded<T>(running: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(running);
  return ended.map((end) => {
    if (end.status === "rejected") throw end.reason;
    return end.value;
  });
}

/** Works through a channel's looks; answers what is left of them when the turn is over. */
async function sendOver(
  batch: Batch,
  senders: Senders,
  channelId: string,
  looks: readonly MessageWindow[],
): Promise<MessageWindow[]> {
  const { turn, wire } = batch;
  const sender = await senders.current(channelId);
  if (sender === "gone") return holdCampaigns(batch, channelId, looks);
  if (sender === "unopened") await turn.waitUntil(Number.POSITIVE_INFINITY);
  if (sender === "unopened" || !(await wire.isFree(channelId, turn))) return spansOf(looks);
  const left: MessageWindow[] = [];
  const windows = (await oldestFirst(batch, looks)).values();
  const sendOn = async () => {
    for (const window of windows) {
      const rest = await sendWindow(batch, sender, window);
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

/** What goes to the back of the queue meets what came meanwhile: whatever their order there, older campaigns go first. */
async function oldestFirst({ store }: PipelineDeps, looks: readonly MessageWindow[]): Promise<readonly MessageWindow[]> {
  const ids = [...new Set(looks.map(({ campaign_id }) => campaign_id))];
  if (ids.length === 1) return looks;
  const campaigns = (await Promise.all(ids.map((id) => store.campaigns.read(id)))).filter((campaign) => campaign !== null);
  campaigns.sort((one, other) => (goesBefore(one, other) ? -1 : 1));
  const places = new Map(campaigns.map(({ _id }, place) => [_id, place]));
  const placeOf = ({ campaign_id }: MessageWindow) => places.get(campaign_id) ?? 0;
  return looks.toSorted((one, other) => placeOf(one) - placeOf(other));
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

/**
 * Where a limit counts by the second, what takes some milliseconds would be missed of every second: so messages are claimed and put
 * into words this much before there is room for them.
 */
function claimAheadMs({ rate }: SendingLimits): number {
  return rate !== null && rate.windowMs < 2_000 ? rate.windowMs / 8 : 0;
}

/** Sends what is pending in a window until nothing of it can be claimed any more (null), or the turn is over: then, what is left. */
async function sendWindow(batch: Batch, sender: Sender, window: MessageWindow): Promise<MessageWindow | null> {
  const { store, clock, worker, timing, tally, turn, wire } = batch;
  let after = window.after;
  /** When the limit has room again. */
  let roomAt = 0;
  while (!turn.signal.aborted) {
    if (turn.isOver()) return { ...window, after };
    const permits = sender.permits();
    if (permits === 0) {
      await turn.waitUntil(sender.until());
      continue;
    }
    const limits = sender.limits();
    const aheadMs = claimAheadMs(limits);
    const now = clock.now();
    const admitAt = roomAt - now > aheadMs ? now : Math.max(now, roomAt);
    const claim = await store.messages.claim({
      campaign_id: window.campaign_id,
      channel_id: window.channel_id,
      after,
      up_to: window.up_to,
      worker,
      max: Math.min(permits, MESSAGES_PER_CLAIM),
      limits,
      leaseMs: timing.leaseMs,
      now: admitAt,
    });
    if (claim.kind === "nothing") return null;
    if (claim.kind === "limited") {
      roomAt = claim.until;
      await turn.waitUntil(roomAt - aheadMs);
      continue;
    }
    const taken = { window, claim, admitAt };
    const carried = await wire.carry(window.channel_id, turn, () => sendClaimed(batch, sender, taken, timing, tally));
    if (carried === "over") return window;
    const { released } = carried;
    // The next claim begins behind this one, unless some of it went back to wait.
    after = released === 0 ? (claim.messages.at(-1)?.lead_id ?? after) : window.after;
  }
  throw new AppError("CLOSED", "The worker stops before its batch is done: it comes again, and the store knows what is left.", {
    retryable: true,
  });
}
