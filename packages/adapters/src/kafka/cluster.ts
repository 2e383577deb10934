/** Owns what every Kafka client here shares: how the brokers are reached, how long they may take, and what a failure says. */
import { AppError } from "@mini-crm/core/app-error";
import type { Clock } from "@mini-crm/core/ports/clock";
import { type BaseOptions, GenericError, MultipleErrors } from "@platformatic/kafka";

export interface KafkaAccess {
  /** Each `host:port`; the others of the cluster are learnt from whichever answers. */
  brokers: readonly string[];
  /** True where the brokers speak TLS. */
  ssl?: boolean;
  credentials?: { mechanism: SaslMechanism; username: string; password: string };
}

export const SASL_MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface Cluster {
  clock: Clock;
  /** What every client is made with. A client tries once: who calls it knows whether to try again. */
  client: BaseOptions & { requestTimeout: number };
  /** Waits for `call`, at most `timeoutMs`; whatever goes wrong is a retryable `AppError` that names the brokers and `doing`. */
  answer<T>(doing: string, timeoutMs: number, call: () => Promise<T>): Promise<T>;
}

const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;

export function clusterOf({ brokers, ssl, credentials }: KafkaAccess, clock: Clock, owner: string): Cluster {
  const unavailable = (doing: string, why: string, cause?: unknown): AppError => {
    const message = `Kafka (${brokers.join(", ")}) failed while ${doing}: ${why}`;
    return new AppError("BUS_UNAVAILABLE", message, { retryable: true, cause });
  };
  return {
    clock,
    client: {
      clientId: owner.replaceAll(/\s/g, "-"),
      bootstrapBrokers: [...brokers],
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      timeout: REQUEST_TIMEOUT_MS,
      retries: 0,
      ...(ssl === true ? { tls: {} } : {}),
      ...(credentials === undefined ? {} : { sasl: credentials }),
    },
    async answer(doing, timeoutMs, call) {
      const over = new AbortController();
      const late = clock.sleep(timeoutMs, over.signal).then(() => {
        throw unavailable(doing, `no answer within ${timeoutMs} ms.`);
      });
      late.catch(() => {}); // Where the call was first, nobody waits for this any more.
      try {
        return await Promise.race([call(), late]);
      } catch (error) {
        throw error instanceof AppError ? error : unavailable(doing, reasonOf(error), error);
      } finally {
        over.abort();
      }
    },
  };
}

/** The innermost reason: the client wraps it in one "failed" after the other. */
function reasonOf(error: unknown): string {
  if (error instanceof MultipleErrors && error.errors.length > 0) return reasonOf(error.errors.at(-1));
  if (error instanceof GenericError && error.cause !== undefined) return reasonOf(error.cause);
  return error instanceof Error ? error.message : String(error);
}

/** What the client said, where `answer` has told it in words of its own. */
export function causeOf(error: unknown): Error | null {
  const cause = error instanceof AppError ? error.cause : error;
  return cause instanceof Error ? cause : null;
}
