/** Owns what a linked device is made of, once Baileys is there: its connection, and what goes over it both ways. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type * as Baileys from "baileys";
import { breakOff } from "./connection.ts";
import { createDevice, type Device } from "./device.ts";
import type { Mailbox } from "./mailbox.ts";
import { createMediaShelf } from "./media.ts";
import type { Numbers } from "./numbers.ts";
import { acknowledgementOf } from "./receipts.ts";
import { createSending, type Sending } from "./sending.ts";
import type { SentMessages } from "./sent-messages.ts";
import type { SessionEntries } from "./session-entries.ts";
import type { SocketEvents, SocketOptions } from "./socket.ts";

export interface LinkedDeviceOptions {
  channelId: string;
  clock: Clock;
  log?: { info(details: object, line: string): void };
  /** What follows is for tests. */
  socket?: SocketOptions;
  /** Media may also be fetched from this machine's own network. */
  toPrivateAddresses?: boolean;
}

export interface LinkedDevice {
  device: Device;
  sending: Sending;
}

export interface DeviceSurroundings {
  entries: SessionEntries;
  sent: SentMessages;
  mailbox: Mailbox;
  numbers: Numbers;
}

export function linkedDevice(
  baileys: typeof Baileys,
  { channelId, clock, log, socket = {}, toPrivateAddresses = false }: LinkedDeviceOptions,
  { entries, sent, mailbox, numbers }: DeviceSurroundings,
): LinkedDevice {
  const sending = createSending({
    ...{ baileys, clock, numbers, sent },
    media: createMediaShelf(clock, { toPrivateAddresses }),
    async askRestrictedMs(open) {
      // Where nobody answers, the device's state says what is known.
      await open.fetchAccountReachoutTimelock().catch(() => {});
      const { restrictedUntil } = device;
      return restrictedUntil === null || restrictedUntil <= clock.now() ? null : restrictedUntil - clock.now();
    },
  });

  /** What waits here is bounded: where nobody hears it, nothing more comes in. */
  async function bounded(taken: Promise<void>): Promise<void> {
    await taken;
    const standstill = mailbox.standstill();
    if (standstill !== null) breakOff(device, standstill);
  }

  const events: Omit<SocketEvents, "changed" | "capped"> = {
    receipt: (stanza) => bounded(mailbox.takeReceipt(stanza)),
    acknowledgement(stanza) {
      const answer = acknowledgementOf(stanza, clock.now());
      // A late answer that cannot be kept is told by the receipts that follow it.
      if (answer !== null && !sending.acknowledged(answer)) mailbox.takeLateAnswer(answer).catch(() => {});
    },
    text: mailbox.takeText,
    async contentOf(providerId) {
      const message = (await sent.find([providerId])).get(providerId);
      return message === undefined ? null : Buffer.from(message.content, "base64");
    },
  };

  const device = createDevice({
    ...{ baileys, clock, entries, events, options: socket },
    keepTexts: (texts, changes) => (texts.length === 0 ? entries.write(changes) : bounded(mailbox.takeTexts(texts, changes))),
    onState: ({ state, reason }) => log?.info({ channel: channelId, state, reason }, "The connection to WhatsApp has changed"),
    onClosed: sending.closed,
    standstill: mailbox.standstill,
  });
  return { device, sending };
}
