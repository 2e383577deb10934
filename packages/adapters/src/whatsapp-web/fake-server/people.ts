/** Owns the people with WhatsApp, each with one phone that really encrypts and decrypts; only for tests, production code never imports it. */
import {
  addTransactionCapability,
  type BinaryNode,
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  encodeBigEndian,
  encodeWAMessage,
  generateSignalPubKey,
  initAuthCreds,
  jidDecode,
  jidEncode,
  KEY_BUNDLE_TYPE,
  type KeyPair,
  proto,
  unpadRandomMax16,
  xmppPreKey,
  xmppSignedPreKey,
} from "baileys";
import type { Device } from "./devices.ts";
import { createMemory } from "./memory.ts";
import { contentOf, node } from "./nodes.ts";
import { silence } from "./silence.ts";

export interface Person {
  /** E.164. */
  phone: string;
  /** The number's address. */
  jid: string;
  /** The address that doesn't tell the number. */
  lid: string;
  identity: KeyPair;
  /** What a client needs to begin a session with the phone; holds a new one-time key each time. */
  bundle(): Promise<BinaryNode[]>;
  decrypt(sender: Device, enc: BinaryNode): Promise<proto.Message>;
  encrypt(message: proto.IMessage, recipient: Device): Promise<BinaryNode>;
  /** Forgets the session, so that the next message begins a new one. */
  forget(device: Device): Promise<void>;
}

export interface People {
  /** The person with this number, E.164. */
  withPhone(phone: string): Person;
  /** The person with this address; null where nobody has it. */
  at(jid: string): Person | null;
}

export function createPeople(): People {
  const byNumber = new Map<string, Person>();
  const byLid = new Map<string, Person>();

  function withPhone(phone: string): Person {
    const number = phone.replace(/^\+/, "");
    if (!/^\d{5,15}$/.test(number)) throw new Error(`"${phone}" is no number in E.164.`);
    const known = byNumber.get(number);
    if (known !== undefined) return known;
    const lid = String(100_000_000_000_001 + byNumber.size);
    const person = createPerson(number, lid);
    byNumber.set(number, person);
    byLid.set(lid, person);
    return person;
  }

  return {
    withPhone,
    at(jid) {
      const address = jidDecode(jid);
      if (address?.server === "lid") return byLid.get(address.user) ?? null;
      return address?.server === "s.whatsapp.net" ? withPhone(address.user) : null;
    },
  };
}

function createPerson(number: string, lid: string): Person {
  const creds = initAuthCreds();
  const keys = addTransactionCapability(createMemory(), silence, { maxCommitRetries: 1, delayBetweenTriesMs: 1 });
  const signal = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds, keys }, silence);
  let preKeyId = 0;

  return {
    phone: `+${number}`,
    jid: jidEncode(number, "s.whatsapp.net"),
    lid: jidEncode(lid, "lid"),
    identity: creds.signedIdentityKey,

    async bundle() {
      preKeyId += 1;
      const preKey = Curve.generateKeyPair();
      await keys.set({ "pre-key": { [preKeyId]: preKey } });
      return [
        node("registration", {}, encodeBigEndian(creds.registrationId)),
        node("type", {}, KEY_BUNDLE_TYPE),
        node("identity", {}, creds.signedIdentityKey.public),
        xmppSignedPreKey(creds.signedPreKey),
        xmppPreKey(preKey, preKeyId),
      ];
    },

    async decrypt(sender, enc) {
      const type = enc.attrs["type"] === "pkmsg" ? "pkmsg" : "msg";
      const padded = await signal.decryptMessage({ jid: sender.jid, type, ciphertext: contentOf(enc) });
      return proto.Message.decode(unpadRandomMax16(padded));
    },

    async encrypt(message, recipient) {
      const jid = recipient.jid;
      if (!(await signal.validateSession(jid)).exists) await signal.injectE2ESession({ jid, session: sessionWith(recipient) });
      const { type, ciphertext } = await signal.encryptMessage({ jid, data: encodeWAMessage(message) });
      return node("enc", { v: "2", type }, ciphertext);
    },

    forget: (device) => signal.deleteSession([device.jid]),
  };
}

/** Takes one of the device's one-time keys; without any the signed one alone must do. */
function sessionWith(device: Device) {
  const preKey = device.preKeys.shift();
  const { registrationId, signedPreKey } = device;
  const session = { registrationId, identityKey: generateSignalPubKey(device.identityKey), signedPreKey };
  return preKey === undefined ? session : { ...session, preKey };
}
