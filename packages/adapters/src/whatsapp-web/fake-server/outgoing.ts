/** Owns what the client sends to people: it is decrypted, answered and receipted; only for tests, production code never imports it. */
import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren, type proto } from "baileys";
import { type Device, post } from "./devices.ts";
import type { Behaviour, SentMessage } from "./fake.ts";
import type { MediaStore } from "./media.ts";
import { attribute, child, node, nowSeconds } from "./nodes.ts";
import type { People, Person } from "./people.ts";

/** A message as the server keeps it. */
interface Kept {
  sender: Device;
  /** The address that the client wrote to. */
  address: string;
  sent: SentMessage;
}

export interface Outgoing {
  take(sender: Device, message: BinaryNode): Promise<void>;
  outbox(): readonly SentMessage[];
  acknowledge(id: string, answer: "accepted" | "refused"): void;
  receipt(id: string, status: "delivered" | "read"): void;
}

export function createOutgoing(account: Person, people: People, media: MediaStore, behaviour: Behaviour): Outgoing {
  const messages: Kept[] = [];
  /** The messages that were asked for anew. */
  const asked = new Set<string>();

  function keptAs(id: string): Kept {
    const kept = messages.findLast(({ sent }) => sent.id === id);
    if (kept === undefined) throw new Error(`No message "${id}" has arrived.`);
    return kept;
  }

  function answer(sender: Device, id: string, address: string, verdict: "accepted" | "refused"): void {
    const { refusal, copies } = behaviour;
    const attrs = { class: "message", id, from: address, t: nowSeconds() };
    const ack = node("ack", verdict === "refused" ? { ...attrs, error: String(refusal) } : attrs);
    for (let copy = 0; copy < copies; copy += 1) sender.link?.send(ack);
  }

  function receipt({ sender, address, sent }: Kept, status: "delivered" | "read"): void {
    sent.receipts.push(status);
    const attrs = { id: sent.id, from: address, t: nowSeconds() };
    post(sender, node("receipt", status === "read" ? { ...attrs, type: "read" } : attrs), behaviour.copies);
  }

  function acknowledge(kept: Kept, verdict: "accepted" | "refused"): void {
    kept.sent.answer = verdict;
    answer(kept.sender, kept.sent.id, kept.address, verdict);
    if (verdict === "refused") return;
    const { receipts } = behaviour;
    if (receipts !== "none") receipt(kept, "delivered");
    if (receipts === "read") receipt(kept, "read");
  }

  /** What the recipient's phone reads; null where it cannot, the first time. */
  async function read({ person, enc }: Envelope, sender: Device, id: string): Promise<proto.Message | null> {
    if (behaviour.unreadable && !asked.has(id)) return null;
    try {
      return await person.decrypt(sender, enc);
    } catch (error) {
      if (asked.has(id)) throw error;
      return null;
    }
  }

  function askAgain(sender: Device, id: string, address: string): void {
    asked.add(id);
    const t = nowSeconds();
    const retry = node("retry", { count: "1", id, t, v: "1" });
    post(sender, node("receipt", { id, from: address, t, type: "retry" }, [retry]));
  }

  return {
    async take(sender, message) {
      const [id, address] = [attribute(message, "id"), attribute(message, "to")];
      const { ack } = behaviour;
      const envelope = envelopesOf(message, people).find(({ person }) => person !== account);
      const content = envelope === undefined ? null : await read(envelope, sender, id);
      if (envelope === undefined || content === null) {
        // To the account's own phone, to nobody, or not to be read: the server itself cannot tell.
        if (ack !== "none") answer(sender, id, address, ack);
        if (envelope !== undefined) askAgain(sender, id, address);
        return;
      }
      const { phone } = envelope.person;
      const text = textOf(content);
      const sent: SentMessage = {
        ...{ id, answer: ack, to: phone, text, media: await media.mediaOf(content) },
        ...{ at: Date.now(), receipts: [] },
      };
      const kept: Kept = { sender, address, sent };
      messages.push(kept);
      if (ack !== "none") acknowledge(kept, ack);
    },

    outbox: () => messages.map(({ sent }) => sent),
    acknowledge: (id, verdict) => acknowledge(keptAs(id), verdict),
    receipt: (id, status) => receipt(keptAs(id), status),
  };
}

interface Envelope {
  person: Person;
  enc: BinaryNode;
}

/** Each device of the recipients has its own envelope; a message that is sent anew to one device has only that one. */
function envelopesOf(message: BinaryNode, people: People): Envelope[] {
  const single = getBinaryNodeChild(message, "enc") && node("to", { jid: attribute(message, "to") }, message.content);
  const several = getBinaryNodeChildren(getBinaryNodeChild(message, "participants"), "to");
  return (single === undefined ? several : [single]).flatMap((recipient) => {
    const person = people.at(attribute(recipient, "jid"));
    return person === null ? [] : [{ person, enc: child(recipient, "enc") }];
  });
}

function textOf(content: proto.Message): string {
  const document = content.documentMessage ?? content.documentWithCaptionMessage?.message?.documentMessage;
  const texts = [content.conversation, content.extendedTextMessage?.text, content.imageMessage?.caption, document?.caption];
  return texts.find((text) => typeof text === "string" && text !== "") ?? "";
}
