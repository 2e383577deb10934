/** Owns a linked device's session as a whole: whose it is, what is stored of it, and what it has sent and got. */
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Vault } from "@mini-crm/core/ports/vault";
import { createMailbox, type Mailbox } from "./mailbox.ts";
import { type SentMessages, sentMessages } from "./sent-messages.ts";
import { type SessionEntries, sessionEntries } from "./session-entries.ts";
import { createSessionLease, type LeaseDeps, type SessionLease } from "./session-lease.ts";

export interface SessionOptions {
  channelId: string;
  clock: Clock;
  sessions: SessionStore;
  vault: Vault;
  /** This process's name, different from every other's. */
  owner: string;
}

export interface Session {
  lease: SessionLease;
  entries: SessionEntries;
  sent: SentMessages;
  mailbox: Mailbox;
}

/** What came in is handed over for as long as the session is this process's, whether it is connected or not. */
export function createSession(options: SessionOptions, hooks: Pick<LeaseDeps, "onHeld" | "onNotHeld" | "mayLetGo">): Session {
  const { channelId, clock, sessions, owner } = options;
  const lease: SessionLease = createSessionLease({
    ...{ channelId, clock, sessions, owner, mayLetGo: hooks.mayLetGo },
    async onHeld() {
      await mailbox.start();
      await hooks.onHeld();
    },
    async onNotHeld(reason) {
      await hooks.onNotHeld(reason);
      await mailbox.stop();
    },
  });
  const entries = sessionEntries({ ...options, holds: lease.holds, onLost: lease.lost });
  const sent = sentMessages(clock, entries);
  const mailbox = createMailbox(clock, entries, sent);
  return { lease, entries, sent, mailbox };
}
