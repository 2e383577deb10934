/** Owns the linked devices of the account, and what waits for each until it confirms it; only for tests, production code never imports it. */
import { type BinaryNode, generateSignalPubKey, getBinaryNodeChild, getBinaryNodeChildren, jidEncode } from "baileys";
import type { Link } from "./link.ts";
import { bytesIn, node } from "./nodes.ts";
import type { Person } from "./people.ts";

export interface PublicPreKey {
  keyId: number;
  /** With its type's byte before it. */
  publicKey: Uint8Array;
}

/** The keys with which a client registers. */
export interface DeviceKeys {
  noiseKey: Uint8Array;
  identityKey: Uint8Array;
  registrationId: number;
  signedPreKey: PublicPreKey & { signature: Uint8Array };
}

export interface Device extends DeviceKeys {
  index: number;
  jid: string;
  lid: string;
  /** One-time keys that nobody has used yet. */
  preKeys: PublicPreKey[];
  /** Its connection, from the login on. */
  link: Link | null;
  /** Whether what waited was handed over, and what comes follows at once. */
  caughtUp: boolean;
  /** Stanzas in their order, until the device confirms them. */
  mailbox: BinaryNode[];
}

export interface Devices {
  link(person: Person, keys: DeviceKeys): Device;
  unlink(device: Device): void;
  all(): Device[];
  /** The device that logs in with this index and this key; null where none is linked. */
  find(index: number, noiseKey: Uint8Array): Device | null;
  online(link: Link): Device | null;
}

export function createDevices(): Devices {
  const linked = new Set<Device>();
  let lastIndex = 0;
  return {
    link(person, keys) {
      lastIndex += 1;
      const index = lastIndex;
      const [jid, lid] = [addressOf(person.jid, index), addressOf(person.lid, index)];
      const device: Device = { ...keys, index, jid, lid, preKeys: [], link: null, caughtUp: false, mailbox: [] };
      linked.add(device);
      return device;
    },
    unlink: (device) => linked.delete(device),
    all: () => [...linked],
    find: (index, noiseKey) =>
      [...linked].find((device) => device.index === index && Buffer.compare(device.noiseKey, noiseKey) === 0) ?? null,
    online: (link) => [...linked].find((device) => device.link === link) ?? null,
  };
}

/** The address of one device of a person. */
function addressOf(jid: string, index: number): string {
  const [user = "", server] = jid.split("@");
  return jidEncode(user, server === "lid" ? "lid" : "s.whatsapp.net", index);
}

/** Keeps the stanza for the device, and hands it over at once where it is connected. */
export function post(device: Device, stanza: BinaryNode, copies = 1): void {
  device.mailbox.push(stanza);
  if (!device.caughtUp) return;
  for (let copy = 0; copy < copies; copy += 1) device.link?.send(stanza);
}

/** Hands over what waited, as WhatsApp does after a login. */
export function catchUp(device: Device): void {
  const count = String(device.mailbox.length);
  device.link?.send(node("ib", {}, [node("offline_preview", { count, message: count, notification: "0", receipt: "0" })]));
  for (const stanza of device.mailbox) device.link?.send({ ...stanza, attrs: { ...stanza.attrs, offline: "0" } });
  device.link?.send(node("ib", {}, [node("offline", { count })]));
  device.caughtUp = true;
}

/** The device has taken these stanzas: they never come again. */
export function confirm(device: Device, taken: (stanza: BinaryNode) => boolean): void {
  device.mailbox = device.mailbox.filter((stanza) => !taken(stanza));
}

export function disconnect(device: Device): void {
  device.link = null;
  device.caughtUp = false;
}

/** Takes in the keys that a client uploads, in place of its older ones where they are of the kind of which it has one. */
export function storeKeys(device: Device, upload: BinaryNode): void {
  const signed = getBinaryNodeChild(upload, "skey");
  if (signed !== undefined) device.signedPreKey = { ...preKeyIn(signed), signature: bytesIn(signed, "signature") };
  const list = getBinaryNodeChild(upload, "list");
  device.preKeys.push(...getBinaryNodeChildren(list, "key").map(preKeyIn));
}

function preKeyIn(key: BinaryNode): PublicPreKey {
  return { keyId: bytesIn(key, "id").readUIntBE(0, 3), publicKey: generateSignalPubKey(bytesIn(key, "value")) };
}
