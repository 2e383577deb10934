/** Owns the way of a message to WhatsApp: what must be known before it may leave, and what became of it. */
import { randomBytes } from "node:crypto";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { OutgoingMessage, SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import type * as Baileys from "baileys";
import type { proto, WASocket } from "baileys";
import { MediaRefused, type MediaShelf, type Upload } from "./media.ts";
import type { Numbers } from "./numbers.ts";
import type { Acknowledgement } from "./receipts.ts";
import { refusalOf } from "./refusals.ts";
import { providerIdOf, type SentMessages } from "./sent-messages.ts";

export interface SendingDeps {
  baileys: typeof Baileys;
  clock: Clock;
  numbers: Numbers;
  media: MediaShelf;
  sent: SentMessages;
  /** For how long the account may begin no new chats; null where it may. */
  askRestrictedMs: (socket: WASocket) => Promise<number | null>;
}

export interface Sending {
  send(socket: WASocket, message: OutgoingMessage): Promise<SendAnswer>;
  /** WhatsApp's server has answered; false where nobody waits for that. */
  acknowledged(acknowledgement: Acknowledgement): boolean;
  /** Nothing of what waits is answered any more. */
  closed(): void;
}

/** Before a message leaves nothing is lost by trying again. */
const TURN_WITHIN_MS = 10_000;
const PREPARE_TIMEOUT_MS = 4_000;
const ACK_TIMEOUT_MS = 15_000;
/** All in all it stays under the time that a caller waits. */
const TIMEOUT_MS = 19_000;

type Answered = { error: string | null } | "closed" | "silent";
type Prepared = { jid: string; content: proto.IMessage };

/** A message on its way; only the first answer counts. */
interface Leaving {
  providerId: string;
  isWritten: boolean;
  answered: Promise<Answered>;
  settle: (answered: Answered) => void;
}

export function createSending(deps: SendingDeps): Sending {
  const { clock } = deps;
  const leaving = new Map<string, Leaving>();
  const inTurn = createTurns();

  async function send(socket: WASocket, message: OutgoingMessage): Promise<SendAnswer> {
    const askedAt = clock.now();
    const left = await inTurn(async () => {
      if (clock.now() - askedAt > TURN_WITHIN_MS) return NOT_READY;
      const prepared = await inTime(clock, prepare(deps, socket, message));
      return "kind" in prepared ? prepared : leave(socket, message.messageId, prepared, askedAt);
    });
    if ("kind" in left) return left;
    try {
      return await answerOf(deps, socket, left.providerId, await left.answered);
    } finally {
      forget(left);
    }
  }

  /** From here on it may have left. */
  async function leave(socket: WASocket, messageId: string, prepared: Prepared, askedAt: Instant): Promise<Leaving | SendAnswer> {
    const { jid, content } = prepared;
    const providerId = providerIdOf(messageId);
    const encoded = deps.baileys.proto.Message.encode(content).finish();
    await deps.sent.remember(providerId, { messageId, content: Buffer.from(encoded).toString("base64") });
    const left = untilAnswered(clock, providerId, Math.min(ACK_TIMEOUT_MS, askedAt + TIMEOUT_MS - clock.now()));
    leaving.set(providerId, left);
    try {
      await Promise.race([socket.relayMessage(jid, content, { messageId: providerId }), left.answered]);
    } catch (error) {
      forget(left);
      return notWritten(error) ?? { kind: "unknown", reason: `The message may have left: ${reasonOf(error)}` };
    }
    left.isWritten = true;
    if (!socket.ws.isOpen) left.settle("closed");
    return left;
  }

  function forget(left: Leaving): void {
    left.settle("closed");
    if (leaving.get(left.providerId) === left) leaving.delete(left.providerId);
  }

  return {
    send,
    acknowledged({ providerId, error }) {
      const left = leaving.get(providerId);
      left?.settle({ error });
      return left !== undefined;
    },
    closed() {
      // What is not written yet cannot be any more, and says so by itself.
      for (const left of leaving.values()) if (left.isWritten) left.settle("closed");
    },
  };
}

function untilAnswered(clock: Clock, providerId: string, timeoutMs: number): Leaving {
  const { promise, resolve } = Promise.withResolvers<Answered>();
  const cancel = clock.schedule(timeoutMs, () => resolve("silent"));
  const settle = (answered: Answered) => {
    cancel();
    resolve(answered);
  };
  return { providerId, isWritten: false, answered: promise, settle };
}

/** One message after the other gets ready and is written, as a person would write them. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}

/** All that asks WhatsApp comes before the message: where it fails, the message has surely not left. */
async function prepare(deps: SendingDeps, socket: WASocket, message: OutgoingMessage): Promise<Prepared | SendAnswer> {
  const { to } = message;
  try {
    const jid = (await deps.numbers.find([to], (phones) => socket.onWhatsApp(...phones))).get(to);
    if (jid === undefined) return refused("recipient", "not_on_whatsapp", `${to} is not on WhatsApp.`);
    const content = await contentOf(deps, socket, message);
    const devices = (await socket.getUSyncDevices([socket.authState.creds.me?.id ?? "", jid], true, false)).map(
      (device) => device.jid,
    );
    const user = deps.baileys.jidDecode(jid)?.user;
    if (!devices.some((device) => deps.baileys.jidDecode(device)?.user === user)) {
      return later("account", "no_devices", "WhatsApp has not told the recipient's devices.", 5_000);
    }
    await socket.assertSessions(devices.filter((device) => device !== socket.authState.creds.me?.id));
    return { jid, content };
  } catch (error) {
    if (error instanceof MediaRefused) return refused("campaign", "media_unavailable", error.message);
    return failedToPrepare(error);
  }
}

async function contentOf(
  { baileys, media: shelf }: SendingDeps,
  socket: WASocket,
  message: OutgoingMessage,
): Promise<proto.IMessage> {
  const { text, media } = message;
  const messageContextInfo = { messageSecret: randomBytes(32) };
  if (media === null) return { extendedTextMessage: { text }, messageContextInfo };
  const upload: Upload = ({ kind, filename }, { bytes, mimetype }) =>
    baileys.prepareWAMessageMedia(
      kind === "image" ? { image: bytes, mimetype } : { document: bytes, mimetype, fileName: filename ?? "document" },
      { upload: socket.waUploadToServer },
    );
  const { imageMessage, documentMessage } = await shelf.get(media, upload);
  const caption = text === "" ? null : text;
  if (imageMessage) return { imageMessage: { ...imageMessage, caption }, messageContextInfo };
  return { documentMessage: { ...documentMessage, caption }, messageContextInfo };
}

async function answerOf(deps: SendingDeps, socket: WASocket, providerId: string, answered: Answered): Promise<SendAnswer> {
  if (answered === "silent") return { kind: "unknown", reason: "WhatsApp has not answered in time." };
  if (answered === "closed") return { kind: "unknown", reason: "The connection ended before WhatsApp had answered." };
  const { error } = answered;
  if (error === null) return { kind: "accepted", providerId };
  return refusalOf(error, error === "463" ? await deps.askRestrictedMs(socket) : null);
}

/** What is not ready in time goes on getting ready, for the next try. */
async function inTime(clock: Clock, prepared: Promise<Prepared | SendAnswer>): Promise<Prepared | SendAnswer> {
  const isOver = new AbortController();
  const late = clock.sleep(PREPARE_TIMEOUT_MS, isOver.signal).then(() => NOT_READY);
  try {
    return await Promise.race([prepared, late]);
  } finally {
    isOver.abort();
  }
}

/** An error that WhatsApp answered has a number, and concerns what was asked; all others are about the connection. */
function failedToPrepare(error: unknown): SendAnswer {
  const code =
    typeof error === "object" && error !== null && "data" in error && typeof error.data === "number" ? error.data : null;
  if (code === null) return later("account", "unavailable", `WhatsApp could not be asked: ${reasonOf(error)}`, null);
  return refusalOf(String(code), null);
}

/** Baileys says these before it writes anything. */
function notWritten(error: unknown): SendAnswer | null {
  const reason = reasonOf(error);
  if (reason === "Connection Closed")
    return later("account", "unavailable", "The connection ended before the message left.", null);
  if (reason === "All encryptions failed")
    return later("recipient", "not_encrypted", "It could not be encrypted for any device.", 60_000);
  return null;
}

/** Messages that WhatsApp Web cannot carry. */
export function unsupported({ buttons, template }: OutgoingMessage): SendAnswer | null {
  if (template !== null) return refused("campaign", "templates_not_supported", "WhatsApp Web has no templates: send a text.");
  if (buttons.length > 0) return refused("campaign", "buttons_not_supported", "WhatsApp Web has no buttons: leave them out.");
  return null;
}

const NOT_READY = later("account", "not_ready", "WhatsApp, or what the message holds, was not ready in time.", 2_000);

function refused(scope: "recipient" | "campaign", code: string, reason: string): SendAnswer {
  return { kind: "permanent", scope, code, reason, wish: null };
}

function later(scope: "recipient" | "account", code: string, reason: string, retryAfterMs: number | null): SendAnswer {
  return { kind: "retryable", scope, code, reason, retryAfterMs };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
