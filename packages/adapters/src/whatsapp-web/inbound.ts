/** Owns how what somebody wrote over WhatsApp Web becomes a text: from whom, in which name, and in which of many wrappings. */
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import type * as Baileys from "baileys";
import type { BinaryNode, proto, WAMessage } from "baileys";

/** Who wrote: WhatsApp tells a number, or its own identifier for the person (LID), or both. */
interface Sender {
  from: string | null;
  userId: string | null;
}

/** The number of a LID, where the device knows it. */
export type PhoneOfLid = (lid: string) => Promise<string | null>;

/** Reads a message as it came off the wire; `plain` is its decrypted content. Null for what is no text from a person. */
export async function textOfStanza(
  baileys: typeof Baileys,
  { attrs }: BinaryNode,
  plain: Uint8Array,
  phoneOfLid: PhoneOfLid,
): Promise<InboundText | null> {
  const { id, from, t, notify } = attrs;
  if (id === undefined || from === undefined || attrs["category"] === "peer") return null;
  const message = baileys.proto.Message.decode(baileys.unpadRandomMax16(plain));
  // One's own words come wrapped, from another device of the same account.
  if (message.deviceSentMessage) return null;
  const alternative = attrs["sender_pn"] ?? attrs["sender_lid"];
  return textFrom(baileys, { id, jid: from, alternative, name: notify, seconds: Number(t), message }, phoneOfLid);
}

/** Reads a message that came another way, as one that the phone was asked for again. */
export async function textOfMessage(
  baileys: typeof Baileys,
  { key, message, pushName, messageTimestamp }: WAMessage,
  phoneOfLid: PhoneOfLid,
): Promise<InboundText | null> {
  const { id, remoteJid, remoteJidAlt, fromMe } = key;
  if (!id || !remoteJid || fromMe === true || !message) return null;
  const written = { id, jid: remoteJid, alternative: remoteJidAlt, name: pushName, seconds: Number(messageTimestamp), message };
  return textFrom(baileys, written, phoneOfLid);
}

interface Written {
  id: string;
  jid: string;
  alternative: string | undefined;
  name: string | null | undefined;
  seconds: number;
  message: proto.IMessage;
}

async function textFrom(baileys: typeof Baileys, written: Written, phoneOfLid: PhoneOfLid): Promise<InboundText | null> {
  const text = wordsOf(baileys.extractMessageContent(written.message));
  if (text === null) return null;
  const sender = await senderOf(baileys, [written.jid, written.alternative ?? ""], phoneOfLid);
  if (sender === null) return null;
  const { id, name, seconds } = written;
  return { providerId: id, ...sender, name: name || null, text, wish: null, at: Number.isFinite(seconds) ? seconds * 1_000 : 0 };
}

/** Null where no person wrote to the number itself: in groups, broadcasts, channels and status updates. */
async function senderOf(baileys: typeof Baileys, jids: readonly string[], phoneOfLid: PhoneOfLid): Promise<Sender | null> {
  const numberJid = jids.find((jid) => baileys.isPnUser(jid) ?? false);
  const lid = jids.find((jid) => baileys.isLidUser(jid) ?? false);
  const first = jids[0];
  if (first !== numberJid && first !== lid) return null;
  const jid = numberJid ?? (lid === undefined ? null : await phoneOfLid(lid));
  return { from: phoneOf(baileys, jid), userId: lid === undefined ? null : baileys.jidNormalizedUser(lid) };
}

/** E.164 of a number's identifier at WhatsApp. */
function phoneOf(baileys: typeof Baileys, jid: string | null): string | null {
  const user = jid === null ? undefined : baileys.jidDecode(jid)?.user;
  return user !== undefined && /^\d{5,15}$/.test(user) ? `+${user}` : null;
}

/** What a person said: a text, the words beside a picture, or the button or the entry of a list that they chose. */
function wordsOf(content: proto.IMessage | undefined): string | null {
  const words =
    content?.conversation ??
    content?.extendedTextMessage?.text ??
    content?.imageMessage?.caption ??
    content?.videoMessage?.caption ??
    content?.documentMessage?.caption ??
    content?.buttonsResponseMessage?.selectedDisplayText ??
    content?.templateButtonReplyMessage?.selectedDisplayText ??
    content?.listResponseMessage?.title ??
    content?.interactiveResponseMessage?.body?.text;
  return words || null;
}
