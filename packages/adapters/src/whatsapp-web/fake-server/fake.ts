/** Owns what tests may say to the fake WhatsApp Web server and see of it; only for tests, production code never imports it. */
import type { Agent } from "node:https";
import type { CloseCode } from "./closing.ts";

export type { CloseCode } from "./closing.ts";

export interface FakeOptions {
  /** The number of the account that is linked, E.164. */
  phone?: string;
  /** What the account calls itself. */
  name?: string;
}

/** What the server does from now on; `behave` changes only what it names. */
export interface Behaviour {
  /** What a message is answered with: accepted, refused (level ERROR, with `refusal`), or nothing at all. */
  ack: "accepted" | "refused" | "none";
  /** The error that a refusal carries; 463 is an account that may not begin new chats. */
  refusal: number;
  /** Which receipts follow an accepted message by themselves; `read` comes after `delivered`. */
  receipts: "none" | "delivered" | "read";
  /** How many times each acknowledgement and each receipt is sent. */
  copies: number;
  /** Whether recipients cannot read the first copy of a message and ask for it anew, as they do where a session is lost. */
  unreadable: boolean;
  /** The numbers that have no WhatsApp, E.164. */
  unregistered: readonly string[];
  /** The code with which each login is refused; null: logins are accepted. */
  refuseLogins: CloseCode | null;
  /** How long a ban (402) lasts, in seconds, as it is told to the client. */
  banSeconds: number;
}

export interface SentMedia {
  kind: "image" | "document";
  mimetype: string;
  /** Null for an image. */
  filename: string | null;
  /** What was uploaded, decrypted. */
  bytes: Uint8Array;
}

/** A message that reached the server, and that its recipient can decrypt. */
export interface SentMessage {
  id: string;
  /** What the server did with it; nobody gets what was refused. */
  answer: Behaviour["ack"];
  /** E.164, also where the client wrote to the LID. */
  to: string;
  /** The text, or the caption of the media. */
  text: string;
  media: SentMedia | null;
  /** When it arrived, in milliseconds since 1970. */
  at: number;
  /** The receipts of it that were sent, or wait for the client's next login. */
  receipts: ("delivered" | "read")[];
}

export interface Writing {
  /** E.164. */
  from: string;
  text: string;
  /** What the sender calls themself. */
  name?: string;
  /** `true`: it comes from the sender's LID, with the number as the alternative; else from the number. */
  lid?: boolean;
  /** The message's identifier; a repeated one is a duplicate. */
  id?: string;
  /** When it was written, in milliseconds since 1970. */
  at?: number;
}

export interface FakeWhatsAppWeb {
  /** For `waWebSocketUrl`. */
  url: string;
  /** For `fetchAgent`: leads Baileys' uploads of media to this server. */
  mediaAgent: Agent;
  /** The account's number, E.164. */
  phone: string;
  /** Makes Baileys in this process take the certificates of every fake server. */
  trust(): void;
  /** What another process must put into Baileys' `WA_CERT_DETAILS.PUBLIC_KEY`, in hexadecimal digits. */
  certificateKey: string;
  /** Scans the QR code with the phone; resolves once the client has signed and was told to restart (515). */
  scan(qr: string): Promise<void>;
  /** Types the pairing code into the phone; resolves as `scan` does, rejects where the code is wrong or no client registers. */
  typeCode(code: string): Promise<void>;
  behave(changes: Partial<Behaviour>): void;
  /** Every message to people with WhatsApp, in the order of arrival; a message that was sent twice stands twice. */
  outbox(): readonly SentMessage[];
  /** Answers a message that `behave({ ack: "none" })` left without an answer. */
  acknowledge(id: string, answer: "accepted" | "refused"): void;
  /** Sends a receipt of a message in the outbox. */
  receipt(id: string, status: "delivered" | "read"): void;
  /** Lets a person write to the account; resolves with the message's identifier once it is handed over or kept for the next login. */
  receive(writing: Writing): Promise<string>;
  /** The identifiers of what people wrote that the client has not confirmed yet; they come again with the next login. */
  unconfirmed(): readonly string[];
  /** Tells the client that the account may not begin new chats until then (milliseconds since 1970), or, with null, that it may again. */
  restrict(until: number | null): void;
  /** Ends every connection with the code; 401 also unlinks the device, whose later logins are refused. */
  close(code: CloseCode): void;
  /** Drops every connection without a word. */
  dropAll(): void;
  /** How many logins with stored credentials succeeded. */
  logins(): number;
  /** How many connections are logged in now. */
  online(): number;
  /** How many devices are linked. */
  devices(): number;
  /** Ends the server and every connection; rejects where a client had said what the server could not make sense of. */
  end(): Promise<void>;
}
