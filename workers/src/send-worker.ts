/** Owns the middle stage: looks at pending messages become sends, under the rate limit and the circuit breaker. */
import { AppError } from "@mini-crm/core/app-error";
import { type Breaker, createBreaker } from "@mini-crm/core/channel/breaker";
import type { MessageWindow } from "@mini-crm/core/event/topics";
import type { Channel, PipelineDeps, Stage, Timing } from "./deps.ts";
import { sendClaimed, type Tally } from "./send-claimed.ts";

export interface SendWorkerStats extends Tally {
  isRunning: boolean;
  errors: number;
}

/** A channel with what its one sender knows of it. */
export interface Sender {
  channel: Channel;
  breaker: Breaker;
}

/** How many messages are claimed at once, and so are on the wire at once: what a crash leaves uncertain at the most. */
const MESSAGES_PER_CLAIM = 1_000;
const WINDOWS_PER_BATCH = 16;

export interface SendWorker extends Stage<SendWorkerStats> {
  /** The senders by channel, for the truth about each. */
  senders: ReadonlyMap<string, Sender>;
}

export function startSendWorker(deps: PipelineDeps, channels: readonly Channel[], timing: Timing): SendWorker {
  const tally: Tally = { processed: 0, sent: 0, failed: 0, skipped: 0, uncertain: 0, waitedAgain: 0 };
  let errors = 0;
  let isRunning = true;
  const senders = new Map(channels.map((channel) => [channel.id, { channel, breaker: createBreaker(deps.clock) }]));

  const consumption = deps.bus.consume({
    topic: "campaign.messages",
    group: "send-worker",
    batchSize: WINDOWS_PER_BATCH,
    async handler({ events, signal }) {
      // Channels share the batch but not their limits: one that waits holds none of the others' messages back.
      const byChannel = Map.groupBy(events, ({ value }) => value.channel_id);
      await allEnded(
        [...byChannel].map(async ([channelId, looks]) => {
          const sender = senders.get(channelId);
          if (sender === undefined) throw new Error(`No channel is called ${channelId}`);
          const windows = looks.values();
          const sendOn = async () => {
            for (const { value } of windows) await sendWindow(deps, sender, value, timing, tally, signal);
          };
          // Without a limit the store writes one window down while the other is rendered and sent.
          await (sender.channel.rate === null ? allEnded([sendOn(), sendOn()]) : sendOn());
        }),
      );
    },
    onError(error) {
      errors += 1;
      deps.log.error({ err: error, stage: "SendWorker" }, "Messages could not be sent");
    },
  });

  return {
    senders,
    stats: () => ({ isRunning, ...tally, errors }),
    async close() {
      isRunning = false;
      await consumption.close();
    },
  };
}

/** Waits for all, and then rejects with what one of them did: a batch must not end while some of it is still on the wire. */
async function allEnded(running: readonly Promise<void>[]): Promise<void> {
  const ended = await Promise.allSettled(running);
  for (const end of ended) if (end.status === "rejected") throw end.reason;
}

/** Sends what is pending in a window until nothing of it can be claimed any more. */
async function sendWindow(
  deps: PipelineDeps,
  sender: Sender,
  window: MessageWindow,
  timing: Timing,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, worker } = deps;
  const { channel, breaker } = sender;
  let after = window.after;
  while (!signal.aborted) {
    const permits = breaker.permits();
    if (permits === 0) {
      await clock.sleep(breaker.until() - clock.now(), signal);
      continue;
    }
    const claim = await store.messages.claim({
      campaign_id: window.campaign_id,
      channel_id: channel.id,
      after,
      up_to: window.up_to,
      worker,
      max: Math.min(permits, MESSAGES_PER_CLAIM),
      rate: channel.rate,
      leaseMs: timing.leaseMs,
      now: clock.now(),
    });
    if (claim.kind === "nothing") return;
    if (claim.kind === "limited") {
      await clock.sleep(claim.until - clock.now(), signal);
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
