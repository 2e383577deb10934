/** Operational failures: what went wrong outside the program, and whether trying again can help. */

/** What failed, in words a machine can branch on. */
export type AppErrorCode =
  | "STORE_UNAVAILABLE"
  | "STORE_FULL"
  | "BUS_UNAVAILABLE"
  | "INBOX_FULL"
  | "SUPERSEDED"
  | "CONFIGURATION"
  | "CLOSED";

/**
 * A failure of the surroundings (disk, database, broker, another process). Expected outcomes of the business are returned as
 * unions instead, and bugs are thrown as plain errors.
 */
export class AppError extends Error {
  readonly code: AppErrorCode;
  /** True where the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(code: AppErrorCode, message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.retryable = options.retryable;
  }
}

/** Ends an exhaustive `switch`: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable case: ${JSON.stringify(value)}`);
}
