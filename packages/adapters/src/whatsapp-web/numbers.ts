/** Owns which numbers have WhatsApp: asked in batches, and kept for a while. */
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";

const BATCH = 50;
const MAX_CACHED = 10_000;
const REGISTERED_FOR_MS = 24 * 3_600_000;
const UNREGISTERED_FOR_MS = 3_600_000;

/** What `onWhatsApp` answers: only those that have it, under the identifier that WhatsApp itself uses for them. */
export type AskWhatsApp = (phones: readonly string[]) => Promise<readonly { jid: string; exists: unknown }[] | undefined>;

export interface Numbers {
  /** The identifiers at WhatsApp of those among `phones` (E.164) that have it. Rejects where nobody answers. */
  find(phones: readonly string[], ask: AskWhatsApp): Promise<Map<string, string>>;
}

export function createNumbers(clock: Pick<Clock, "now">): Numbers {
  const known = new Map<string, { jid: string | null; until: Instant }>();

  function remember(phone: string, jid: string | null): void {
    known.delete(phone);
    known.set(phone, { jid, until: clock.now() + (jid === null ? UNREGISTERED_FOR_MS : REGISTERED_FOR_MS) });
    const [oldest] = known.keys();
    if (known.size > MAX_CACHED && oldest !== undefined) known.delete(oldest);
  }

  async function look(phones: readonly string[], ask: AskWhatsApp): Promise<void> {
    const answer = await ask(phones);
    if (answer === undefined) throw new Error("WhatsApp has not answered which numbers have WhatsApp.");
    const jids = answer.filter(({ exists }) => exists === true).map(({ jid }) => jid);
    const [first] = phones;
    if (phones.length === 1 && first !== undefined) return remember(first, jids[0] ?? null);
    const byPhone = new Map(jids.map((jid) => [`+${jid.split("@")[0] ?? ""}`, jid]));
    const unclear = phones.filter((phone) => !byPhone.has(phone));
    // In some countries WhatsApp writes a number differently: which of them that is, only asking one by one tells.
    const areSomeWritten = byPhone.size > phones.length - unclear.length;
    for (const [phone, jid] of byPhone) remember(phone, jid);
    for (const phone of unclear) {
      if (areSomeWritten) await look([phone], ask);
      else remember(phone, null);
    }
  }

  return {
    async find(phones, ask) {
      const unknown = [...new Set(phones)].filter((phone) => (known.get(phone)?.until ?? 0) <= clock.now());
      const found = new Map<string, string>();
      for (let from = 0; from < unknown.length; from += BATCH) await look(unknown.slice(from, from + BATCH), ask);
      for (const phone of phones) {
        const jid = known.get(phone)?.jid;
        if (jid) found.set(phone, jid);
      }
      return found;
    },
  };
}
