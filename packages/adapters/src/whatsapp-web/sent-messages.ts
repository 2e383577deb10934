/** Owns which message of ours stands behind an identifier at WhatsApp, so that receipts find it, also those that come after a crash. */
import { createHash } from "node:crypto";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { SessionEntries } from "./session-entries.ts";

const DAY_MS = 86_400_000;
/** Receipts of messages that are older find nothing. */
const KEPT_DAYS = 8;
/** How far back it is swept after a session has slept. */
const SWEPT_DAYS = 60;
const SWEPT = "sent-swept";
const MAX_CACHED = 2_000;

export interface SentMessage {
  messageId: string;
  /** The message as it was encoded, in base64: a device that could not decrypt it asks for it again. */
  content: string;
}

export interface SentMessages {
  /** Resolves when it is durable: before that the message must not leave. */
  remember(providerId: string, message: SentMessage): Promise<void>;
  /** Those of `providerIds` that are known. */
  find(providerIds: readonly string[]): Promise<Map<string, SentMessage>>;
}

/** The message's identifier at WhatsApp, the same whenever it is asked for: `3EB0` and 18 hex digits, as WhatsApp Web makes them. */
export function providerIdOf(messageId: string): string {
  return `3EB0${createHash("sha256").update(messageId).digest("hex").slice(0, 18).toUpperCase()}`;
}

export function sentMessages(clock: Clock, entries: SessionEntries): SentMessages {
  const cache = new Map<string, SentMessage>();
  let sweptOn: number | null = null;
  const today = () => Math.floor(clock.now() / DAY_MS);
  /** By day, so that a day can be taken away as a whole. */
  const prefixOf = (day: number) => `sent:${day}:`;

  async function find(providerIds: readonly string[]): Promise<Map<string, SentMessage>> {
    const found = new Map<string, SentMessage>();
    const missing: string[] = [];
    for (const id of providerIds) {
      const message = cache.get(id);
      if (message) found.set(id, message);
      else missing.push(id);
    }
    if (missing.length === 0) return found;
    const days = Array.from({ length: KEPT_DAYS + 1 }, (_, back) => today() - back);
    const stored = await entries.read(days.flatMap((day) => missing.map((id) => `${prefixOf(day)}${id}`)));
    for (const [key, value] of stored) found.set(key.slice(key.lastIndexOf(":") + 1), JSON.parse(value));
    return found;
  }

  /** Takes away what is too old. */
  async function sweep(): Promise<void> {
    const last = today() - KEPT_DAYS - 1;
    const swept = Number((await entries.read([SWEPT])).get(SWEPT) ?? 0);
    if (swept >= last) return;
    for (let day = Math.max(swept + 1, last - SWEPT_DAYS); day <= last; day += 1) await entries.clear(prefixOf(day));
    await entries.write({ [SWEPT]: String(last) });
  }

  return {
    async remember(providerId, message) {
      if (sweptOn !== today()) {
        sweptOn = today();
        // What stays is swept on another day.
        sweep().catch(() => {});
      }
      await entries.write({ [`${prefixOf(today())}${providerId}`]: JSON.stringify(message) });
      cache.set(providerId, message);
      const [oldest] = cache.keys();
      if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
    },
    find,
  };
}
