/** Owns the stage that hears what people write: each text is kept, and a STOP ends what its sender is sent. */
import type { PipelineDeps, Stage } from "./deps.ts";

export interface InboundListenerStats {
  isRunning: boolean;
  /** Texts that were new. */
  received: number;
  /** Leads that a text opted out. */
  optedOut: number;
  errors: number;
}

const TEXTS_PER_BATCH = 200;

export function startInboundListener({ bus, clock, log }: PipelineDeps): Stage<InboundListenerStats> {
  const stats: InboundListenerStats = { isRunning: true, received: 0, optedOut: 0, errors: 0 };

  const consumption = bus.consume({
    topic: "message.inbound",
    group: "inbound-listener",
    batchSize: TEXTS_PER_BATCH,
    async handler({ events, commit }) {
      const texts = events.map(({ value }) => value);
      const [{ heard, opted_out }] = await commit([{ step: "hear", input: { texts, now: clock.now() } }]);
      stats.received += heard;
      stats.optedOut += opted_out;
    },
    onError(error) {
      stats.errors += 1;
      log.error({ err: error, stage: "InboundListener" }, "Inbound texts could not be heard");
    },
  });

  return {
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      await consumption.close();
    },
  };
}
