/** Owns the watch over this process's channels: whenever one connects, breaks or comes back, that is noted. */
import type { Closable } from "@mini-crm/runtime/run-process";
import { channelSignOf } from "./channel-sign.ts";
import type { PipelineDeps } from "./deps.ts";
import type { Sender } from "./send-worker.ts";

const LOOK_EVERY_MS = 500;

/** Notes every channel's state at once, whenever it is another one, and a last time when it closes. */
export function watchChannels(
  { store, clock, log }: Pick<PipelineDeps, "store" | "clock" | "log">,
  senders: Iterable<Pick<Sender, "channel" | "breaker">>,
): Closable {
  const closing = new AbortController();
  const watched = [...senders].map((sender) => ({ sender, noted: "" }));

  const look = async (): Promise<void> => {
    for (const each of watched) {
      const { id, connected, state, breaker, reason } = channelSignOf(each.sender);
      // The reason may change with every try; that alone is no news.
      const shown = `${connected} ${state} ${breaker.state}`;
      if (each.noted === shown) continue;
      const data = { connected, state, breaker: breaker.state, reason };
      await store.activity.note([{ at: clock.now(), kind: "channel.state", subject: id, data }]);
      each.noted = shown;
    }
  };
  const lookOnce = (): Promise<void> =>
    look().catch((error: unknown) => log.warn({ err: error }, "A channel's state could not be noted yet"));

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
