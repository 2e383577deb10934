/** Owns the watch over this process's channels: what connects, breaks, comes back or needs a person is noted, and logged. */
import { abilitiesOf } from "@mini-crm/core/channel/channel";
import { adviceOn, needsPerson } from "@mini-crm/core/channel/connection";
import type { Closable } from "@mini-crm/runtime/run-process";
import { channelSignOf } from "./channel-sign.ts";
import type { PipelineDeps } from "./deps.ts";
import type { Sender } from "./sender.ts";

const LOOK_EVERY_MS = 500;

/** What of a sender is watched. */
type Watched = Pick<Sender, "channel" | "provider" | "breaker" | "limits">;

/** Notes every channel's state at once, whenever it is another one, and a last time when it closes. */
export function watchChannels(
  deps: Pick<PipelineDeps, "store" | "clock" | "log">,
  senders: { all(): readonly Watched[] },
): Closable {
  const { clock, log } = deps;
  const closing = new AbortController();
  /** What was last noted, by channel. */
  const noted = new Map<string, string>();
  let last: readonly Watched[] = [];

  const lookOnce = async (): Promise<void> => {
    const now = senders.all();
    // Channels that have gone are looked at a last time.
    const gone = last.filter((sender) => !now.includes(sender));
    last = now;
    try {
      for (const sender of [...gone, ...now]) await look(deps, sender, noted);
    } catch (error) {
      log.warn({ err: error }, "A channel's state could not be noted yet");
    }
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await lookOnce();
      await clock.sleep(LOOK_EVERY_MS, closing.signal);
    }
  };
  const stopped = run();
  return {
    async close() {
      closing.abort();
      await stopped;
      await lookOnce();
    },
  };
}

async function look(
  { store, clock, log }: Pick<PipelineDeps, "store" | "clock" | "log">,
  sender: Watched,
  noted: Map<string, string>,
) {
  const { id, connected, stands_by, state, breaker, reason, pairing } = channelSignOf(sender);
  // Whoever has the session tells of it.
  if (stands_by) return;
  const needs_person = needsPerson(state);
  const next = adviceOn(state, abilitiesOf(sender.channel().settings.kind));
  // The reason may change with every try; that alone is no news.
  const shown = `${connected} ${state} ${breaker.state}`;
  if (noted.get(id) !== shown) {
    const data = { connected, state, breaker: breaker.state, reason, needs_person, next };
    await store.activity.note([{ at: clock.now(), kind: "channel.state", subject: id, data }]);
    if (needs_person) log.error({ channel: id, state, reason, next }, "A channel needs a person");
    noted.set(id, shown);
  }
  const onShow = `${id} pairing`;
  if (pairing !== null && noted.get(onShow) !== pairing.value) {
    const data = { method: pairing.method, value: pairing.value, expires_at: new Date(pairing.expiresAt).toISOString() };
    await store.activity.note([{ at: clock.now(), kind: "channel.pairing", subject: id, data }]);
    noted.set(onShow, pairing.value);
  }
}
