/** Owns how the phone and a client that it links sign each other's identity; only for tests, production code never imports it. */
import { type BinaryNode, Curve, hmacSign, proto, WA_ADV_ACCOUNT_SIG_PREFIX, WA_ADV_DEVICE_SIG_PREFIX } from "baileys";
import { farewell } from "./closing.ts";
import type { Device, DeviceKeys, Devices } from "./devices.ts";
import type { Link } from "./link.ts";
import { bytesIn, child, node, queryOf } from "./nodes.ts";
import type { Person } from "./people.ts";

export interface LinkedAccount {
  person: Person;
  name: string;
}

/** The phone has signed the client's identity and waits for the client's signature. */
export interface Signing {
  /** The query that the client answers. */
  id: string;
  /** Resolves once the client has signed too and was told to restart. */
  done: Promise<void>;
  take(answer: BinaryNode): void;
  abandon(reason: Error): void;
}

/** `advSecret`: what only the client and who read its code know; it proves that this phone was meant. */
export function beginSigning(
  account: LinkedAccount,
  devices: Devices,
  link: Link,
  keys: DeviceKeys,
  advSecret: Uint8Array,
): Signing {
  const device = devices.link(account.person, keys);
  const details = detailsOf(device);
  const id = `pair-success-${device.index}`;
  const settle = Promise.withResolvers<void>();
  const success = node("pair-success", {}, [
    node("device-identity", {}, signedIdentity(account.person, details, keys.identityKey, advSecret)),
    node("platform", { name: "android" }),
    node("device", { jid: device.jid, lid: device.lid }),
    node("biz", { name: account.name }),
  ]);
  link.send(queryOf(id, success));

  function abandon(reason: Error): void {
    devices.unlink(device);
    settle.reject(reason);
  }
  return {
    id,
    done: settle.promise,
    take(answer) {
      if (!isSigned(answer, details, device, account.person)) {
        abandon(new Error("The client's signature of its identity is wrong."));
        return;
      }
      link.send(farewell(515, 0));
      link.close();
      settle.resolve();
    },
    abandon,
  };
}

function detailsOf({ index }: Device): Uint8Array {
  const timestamp = Math.floor(Date.now() / 1000);
  return proto.ADVDeviceIdentity.encode({ rawId: index, timestamp, keyIndex: index }).finish();
}

function signedIdentity(phone: Person, details: Uint8Array, clientKey: Uint8Array, advSecret: Uint8Array): Uint8Array {
  const signed = Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, clientKey]);
  const identity = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: phone.identity.public,
    accountSignature: Curve.sign(phone.identity.private, signed),
  }).finish();
  return proto.ADVSignedDeviceIdentityHMAC.encode({ details: identity, hmac: hmacSign(identity, advSecret) }).finish();
}

/** Tells whether the client has signed with the key that it registered. */
function isSigned(answer: BinaryNode, details: Uint8Array, { identityKey }: Device, phone: Person): boolean {
  const identity = proto.ADVSignedDeviceIdentity.decode(bytesIn(child(answer, "pair-device-sign"), "device-identity"));
  const signed = Buffer.concat([WA_ADV_DEVICE_SIG_PREFIX, details, identityKey, phone.identity.public]);
  return Curve.verify(identityKey, signed, identity.deviceSignature ?? Buffer.alloc(0));
}
