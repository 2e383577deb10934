/** Owns the watch over this process's channels: what connects, breaks, comes back or needs a person is noted, and logged. */
import { abilitiesOf } from "@mini-crm/core/channel/channel";
import { adviceOn, type ConnectionState, needsPerson } from "@mini-crm/core/channel/connection";
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
  const noted: Noted = new Map();
  let last: readonly Watched[] = [];

  const lookOnce = async (): Promise<void> => {
    const now = senders.all();
    const gone = last.filter((sender) => !now.includes(sender));
    try {
      // Connections that have ended are looked at a last time; then nothing is known of a channel that has none.
      for (const sender of gone) await look(deps, sender, noted);
      last = now;
      for (const id of noted.keys()) if (!now.some(({ channel }) => channel()._id === id)) noted.delete(id);
      for (const sender of now) await look(deps, sender, noted);
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

/** What was last told of each channel. */
type Noted = Map<string, { shown: string; state: ConnectionState; pairing: string | null }>;

async function look(
  { store, clock, log }: Pick<PipelineDeps, "store" | "clock" | "log">,
  sender: Watched,
  noted: Noted,
): Promise<void> {
  const { id, connected, stands_by, state, breaker, reason, pairing } = channelSignOf(sender);
  if (stands_by) {
    // Whoever has the session tells of it; should this process get it again, everything is news.
    noted.delete(id);
    return;
  }
  const before = noted.get(id);
  const needs_person = needsPerson(state);
  const next = adviceOn(state, abilitiesOf(sender.channel().settings.kind));
  // The reason may change with every try; that alone is no news.
  const shown = `${connected} ${state} ${breaker.state}`;
  if (before?.shown !== shown) {
    const data = { connected, state, breaker: breaker.state, reason, needs_person, next };
    await store.activity.note([{ at: clock.now(), kind: "channel.state", subject: id, data }]);
    if (needs_person && before?.state !== state) log.error({ channel: id, state, reason, next }, "A channel needs a person");
    noted.set(id, { shown, state, pairing: before?.pairing ?? null });
  }
  if (pairing !== null && before?.pairing !== pairing.value) {
    const data = { method: pairing.method, value: pairing.value, expires_at: new Date(pairing.expiresAt).toISOString() };
    await store.activity.note([{ at: clock.now(), kind: "channel.pairing", subject: id, data }]);
    noted.set(id, { shown, state, pairing: pairing.value });
  }
}
