/** Owns what people, and the account's own phone, send to the client; only for tests, production code never imports it. */
import { randomBytes } from "node:crypto";
import { deflateSync } from "node:zlib";
import { type BinaryNode, proto, S_WHATSAPP_NET } from "baileys";
import { confirm, type Device, type Devices, post } from "./devices.ts";
import type { Writing } from "./fake.ts";
import { attribute, node, nowSeconds } from "./nodes.ts";
import type { People, Person } from "./people.ts";
import { activeTimelock } from "./queries.ts";

/** A message as its sender keeps it, to encrypt it anew where the client could not read it. */
interface Written {
  sender: Person;
  message: proto.IMessage;
  attrs: Record<string, string>;
}

export interface Incoming {
  /** Encrypts what a person writes to each linked device; resolves with its identifier. */
  receive(writing: Writing): Promise<string>;
  /** What a newly linked client waits for: the phone tells its history, which is empty. */
  sendHistory(device: Device): Promise<void>;
  restrict(until: number | null): void;
  /** The client confirms a message, or asks for it anew. */
  takeReceipt(device: Device, receipt: BinaryNode): Promise<void>;
  takeAck(device: Device, ack: BinaryNode): void;
  unconfirmed(): readonly string[];
}

export function createIncoming(account: Person, people: People, devices: Devices): Incoming {
  const written = new Map<string, Written>();
  let notifications = 0;

  async function hand(device: Device, { sender, message, attrs }: Written): Promise<void> {
    post(device, node("message", attrs, [await sender.encrypt(message, device)]));
  }

  return {
    async receive({ from, text, name, lid = false, id = newIdentifier(), at = Date.now() }) {
      const sender = people.withPhone(from);
      const address = lid ? { from: sender.lid, sender_pn: sender.jid, addressing_mode: "lid" } : { from: sender.jid };
      const t = String(Math.floor(at / 1000));
      const attrs = { ...address, id, type: "text", t, ...(name === undefined ? {} : { notify: name }) };
      const one: Written = { sender, message: { conversation: text }, attrs };
      written.set(id, one);
      for (const device of devices.all()) await hand(device, one);
      return id;
    },

    async sendHistory(device) {
      const { HistorySyncType } = proto.HistorySync;
      const payload = proto.HistorySync.encode({ syncType: HistorySyncType.INITIAL_BOOTSTRAP }).finish();
      const historySyncNotification = {
        syncType: proto.Message.HistorySyncType.INITIAL_BOOTSTRAP,
        initialHistBootstrapInlinePayload: deflateSync(payload),
        progress: 100,
      };
      const type = proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION;
      const attrs = { id: newIdentifier(), from: account.jid, type: "text", category: "peer", t: nowSeconds() };
      await hand(device, { sender: account, message: { protocolMessage: { type, historySyncNotification } }, attrs });
    },

    restrict(until) {
      notifications += 1;
      const timelock = until === null ? { is_active: false } : activeTimelock(until);
      const update = Buffer.from(JSON.stringify({ data: { xwa2_notify_account_reachout_timelock: timelock } }));
      const attrs = { id: `notification-${notifications}`, from: S_WHATSAPP_NET, type: "mex", t: nowSeconds() };
      const said = node("notification", attrs, [node("update", { op_name: "NotificationUserReachoutTimelockUpdate" }, update)]);
      for (const device of devices.all()) post(device, said);
    },

    async takeReceipt(device, receipt) {
      const id = attribute(receipt, "id");
      confirm(device, (stanza) => stanza.tag === "message" && stanza.attrs["id"] === id);
      const asked = written.get(id);
      if (receipt.attrs["type"] !== "retry" || asked === undefined) return;
      await asked.sender.forget(device);
      await hand(device, asked);
    },

    takeAck(device, ack) {
      const { class: tag, id, type, error } = ack.attrs;
      // The client could not read the message and has asked for it anew.
      if (tag === "message" && error === "500") return;
      confirm(device, (stanza) => {
        return stanza.tag === tag && stanza.attrs["id"] === id && (tag !== "receipt" || stanza.attrs["type"] === type);
      });
    },

    unconfirmed() {
      const waiting = devices.all().flatMap(({ mailbox }) => mailbox.map((stanza) => stanza.attrs["id"] ?? ""));
      return waiting.filter((id) => written.has(id));
    },
  };
}

function newIdentifier(): string {
  return `3A${randomBytes(9).toString("hex").toUpperCase()}`;
}
