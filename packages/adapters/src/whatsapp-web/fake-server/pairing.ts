/** Owns the linking of a client to the account's phone, by QR code or by pairing code; only for tests, production code never imports it. */
import { randomBytes } from "node:crypto";
import { type BinaryNode, generateSignalPubKey, getBinaryNodeChild } from "baileys";
import { type CodePairing, createCodePairing } from "./code-pairing.ts";
import type { DeviceKeys, Devices } from "./devices.ts";
import { beginSigning, type LinkedAccount, type Signing } from "./identity.ts";
import type { Admission, Link } from "./link.ts";
import { attribute, node, queryOf } from "./nodes.ts";

/** A client that registers: it shows a QR code, and may offer a pairing code. */
interface Candidate {
  link: Link;
  keys: DeviceKeys;
  /** Each stands in a QR code, which the client shows one after the other. */
  refs: string[];
  /** The last code that it offers, as soon as it offers one. */
  code: CodePairing | null;
  offered: PromiseWithResolvers<void>;
  signing: Signing | null;
}

export interface Pairing {
  /** Lets a client register. */
  offer(link: Link, admission: Admission): void;
  /** Takes what a registering client sends; false where the node comes from another. */
  take(link: Link, received: BinaryNode): boolean;
  scan(qr: string): Promise<void>;
  typeCode(code: string): Promise<void>;
  closed(link: Link): void;
}

const QR_CODES = 6;

export function createPairing(account: LinkedAccount, devices: Devices): Pairing {
  const candidates = new Map<Link, Candidate>();

  async function sign(candidate: Candidate, advSecret: Uint8Array): Promise<void> {
    if (candidate.signing !== null) throw new Error("This client is being linked already.");
    candidate.signing = beginSigning(account, devices, candidate.link, candidate.keys, advSecret);
    await candidate.signing.done;
  }

  return {
    offer(link, admission) {
      const refs = Array.from({ length: QR_CODES }, () => randomBytes(24).toString("base64url"));
      candidates.set(link, { link, keys: keysIn(admission), refs, code: null, offered: unwatched(), signing: null });
      const children = refs.map((ref) => node("ref", {}, Buffer.from(ref)));
      link.send(queryOf(`pair-device-${refs[0]}`, node("pair-device", {}, children)));
    },

    take(link, received) {
      const candidate = candidates.get(link);
      if (candidate === undefined) return false;
      const { signing } = candidate;
      if (signing !== null && received.attrs["id"] === signing.id) {
        candidates.delete(link);
        signing.take(received);
        return true;
      }
      const registration = getBinaryNodeChild(received, "link_code_companion_reg");
      if (registration === undefined) return true;
      if (attribute(registration, "stage") === "companion_hello") {
        candidate.code = createCodePairing(account.person, registration);
        candidate.offered.resolve();
      } else {
        candidate.code?.finish(registration, candidate.keys);
      }
      if (candidate.code !== null) link.send(candidate.code.answerTo(received));
      return true;
    },

    async scan(qr) {
      const [ref = "", noiseKey, identityKey, advSecret = ""] = (qr.split("#")[1] ?? "").split(",");
      const candidate = [...candidates.values()].find(({ refs }) => refs.includes(ref));
      if (candidate === undefined) throw new Error("No connected client shows this QR code.");
      const { keys } = candidate;
      if (base64(keys.noiseKey) !== noiseKey || base64(keys.identityKey) !== identityKey) {
        throw new Error("The QR code holds other keys than the client registered with.");
      }
      await sign(candidate, Buffer.from(advSecret, "base64"));
    },

    async typeCode(code) {
      const candidate = [...candidates.values()].at(-1);
      if (candidate === undefined) throw new Error("No client that could offer a pairing code is connected.");
      // The client shows its code as soon as it has sent it, which may be before it arrives.
      await candidate.offered.promise;
      const advSecret = await candidate.code?.greet(code, candidate.link);
      if (advSecret !== undefined) await sign(candidate, advSecret);
    },

    closed(link) {
      const candidate = candidates.get(link);
      candidates.delete(link);
      const gone = new Error("The client went before it was linked.");
      candidate?.offered.reject(gone);
      candidate?.code?.abandon(gone);
      candidate?.signing?.abandon(gone);
    },
  };
}

function keysIn({ noiseKey, payload }: Admission): DeviceKeys {
  const data = payload.devicePairingData;
  if (!data?.eIdent || !data.eRegid || !data.eSkeyId || !data.eSkeyVal || !data.eSkeySig) {
    throw new Error("The client registers without all of its keys.");
  }
  return {
    noiseKey,
    identityKey: data.eIdent,
    registrationId: Buffer.from(data.eRegid).readUInt32BE(),
    signedPreKey: {
      keyId: Buffer.from(data.eSkeyId).readUIntBE(0, 3),
      publicKey: generateSignalPubKey(data.eSkeyVal),
      signature: data.eSkeySig,
    },
  };
}

/** A promise that nobody needs to wait for. */
function unwatched(): PromiseWithResolvers<void> {
  const settle = Promise.withResolvers<void>();
  settle.promise.catch(() => {});
  return settle;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
