/** Owns the writing down of what exists nowhere else: it is tried for as long as the store is out of reach. */
import { AppError } from "@mini-crm/core/app-error";
import type { PipelineDeps } from "./deps.ts";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** What `write` answers in the end; what dies with the process before that becomes free or uncertain when its lease ends. */
export async function surely<T>({ clock, log }: Pick<PipelineDeps, "clock" | "log">, write: () => Promise<T>): Promise<T> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      log.warn({ err: error }, "Outcomes could not be written down yet");
      await clock.sleep(waitMs);
    }
  }
}
