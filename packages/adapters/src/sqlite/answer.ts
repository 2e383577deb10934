/** Owns how a result or failure crosses from a database thread: as data, because a copied error loses all but its text. */
import { AppError, type AppErrorCode } from "@mini-crm/core/app-error";
import type { Verbs } from "./verbs.ts";

/** A verb by its name with its arguments. */
export interface Call {
  verb: keyof Verbs;
  args: readonly unknown[];
}

export type Answer = { ok: true; value: unknown } | { ok: false; code: AppErrorCode; message: string; retryable: boolean };

/** Calls a verb of what `open` answers. */
export function answerOn(open: () => Verbs, { verb, args }: Call): Answer {
  return answering(() => {
    const called = open()[verb] as (...given: readonly unknown[]) => unknown;
    return called(...args);
  });
}

/** What `work` comes to; what the surroundings did wrong becomes an answer, what the program did wrong is thrown. */
export function answering(work: () => unknown): Answer {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    if (error instanceof AppError) return { ok: false, code: error.code, message: error.message, retryable: error.retryable };
    const failure = surroundingsFailure(error);
    if (failure === null) throw error;
    return { ok: false, ...failure, retryable: true };
  }
}

/** The value of an answer; throws the failure that it tells of. */
export function valueOf(answer: Answer): unknown {
  if (answer.ok) return answer.value;
  throw new AppError(answer.code, answer.message, { retryable: answer.retryable });
}

const FULL = 13;

/** SQLite's primary result codes that tell of the surroundings: busy, locked, read-only, input/output, full, cannot open. */
const SURROUNDINGS = new Map([
  [5, "The database is busy."],
  [6, "The database is locked."],
  [8, "The database file cannot be written to."],
  [10, "The disk does not answer."],
  [FULL, "The disk is full."],
  [14, "The database file cannot be opened."],
]);

function surroundingsFailure(error: unknown): { code: AppErrorCode; message: string } | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  const primary = error.errcode & 0xff;
  const message = SURROUNDINGS.get(primary);
  return message === undefined ? null : { code: primary === FULL ? "STORE_FULL" : "STORE_UNAVAILABLE", message };
}
