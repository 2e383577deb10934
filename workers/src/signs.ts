/** Owns this process's signs of life, from which others tell that it runs. */
import type { ProcessDetail } from "@mini-crm/core/ports/store";
import type { Closable } from "@mini-crm/runtime/run-process";
import type { PipelineDeps } from "./deps.ts";

const SIGN_EVERY_MS = 2_000;

/** Signs at once and then every two seconds what `detail` says; closing says that the process is gone. */
export function startSigns({ store, clock, log, worker }: PipelineDeps, detail: () => ProcessDetail): Closable {
  const closing = new AbortController();
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await store.processes.sign({ _id: worker, role: "workers", seen_at: clock.now(), detail: detail() });
      } catch (error) {
        log.warn({ err: error }, "The store takes no sign of life");
      }
      await clock.sleep(SIGN_EVERY_MS, closing.signal);
    }
  };
  const stopped = run();
  return {
    async close() {
      closing.abort();
      await stopped;
      await store.processes.gone(worker);
    },
  };
}
