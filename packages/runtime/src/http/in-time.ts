/** Owns how long a health check waits: one that hangs would tell nothing. */
import type { Clock } from "@mini-crm/core/ports/clock";

/** An engine that does not answer within this time counts as out of reach. */
const PING_TIMEOUT_MS = 2_000;

/** Tells whether `ping` resolves in time. */
export function reaches(clock: Clock, ping: () => Promise<void>): Promise<boolean> {
  return inTime(
    clock,
    ping().then(() => true),
    false,
  );
}

/** What `check` says; `otherwise` where it fails or takes too long. */
export async function inTime<T>(clock: Clock, check: Promise<T>, otherwise: T): Promise<T> {
  const answered = new AbortController();
  const tooLate = clock.sleep(PING_TIMEOUT_MS, answered.signal).then(() => otherwise);
  try {
    return await Promise.race([check, tooLate]);
  } catch {
    return otherwise;
  } finally {
    answered.abort();
  }
}
