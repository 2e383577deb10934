/** Owns the phone's side of linking by a pairing code; only for tests, production code never imports it. */
import { randomBytes } from "node:crypto";
import {
  aesDecryptCTR,
  aesDecryptGCM,
  aesEncryptCTR,
  type BinaryNode,
  Curve,
  derivePairingCodeKey,
  hkdf,
  type KeyPair,
  S_WHATSAPP_NET,
} from "baileys";
import type { DeviceKeys } from "./devices.ts";
import type { Link } from "./link.ts";
import { bytesIn, node, nowSeconds, resultOf } from "./nodes.ts";
import type { Person } from "./people.ts";

export interface CodePairing {
  /** The server's answer to either step of the client. */
  answerTo(request: BinaryNode): BinaryNode;
  /** Someone typed the code; resolves with the secret that the client's identity is signed under. */
  greet(code: string, link: Link): Promise<Uint8Array>;
  /** The client answered: what it says can be read only where both used the same code. */
  finish(registration: BinaryNode, keys: DeviceKeys): void;
  abandon(reason: Error): void;
}

/** `hello`: the client's first step, which carries its ephemeral key encrypted under the code. */
export function createCodePairing(phone: Person, hello: BinaryNode): CodePairing {
  const ref = randomBytes(16).toString("base64url");
  const wrapped = bytesIn(hello, "link_code_pairing_wrapped_companion_ephemeral_pub");
  const ephemeral = Curve.generateKeyPair();
  let greeted: { companionKey: Uint8Array; settle: PromiseWithResolvers<Uint8Array> } | null = null;

  return {
    answerTo: (request) => resultOf(request, [node("link_code_companion_reg", {}, [refNode(ref)])]),

    async greet(code, link) {
      const companionKey = aesDecryptCTR(
        wrapped.subarray(48),
        await codeKey(code, wrapped.subarray(0, 32)),
        wrapped.subarray(32, 48),
      );
      greeted = { companionKey, settle: Promise.withResolvers<Uint8Array>() };
      link.send(
        node("notification", { from: S_WHATSAPP_NET, type: "link_code_companion_reg", id: ref, t: nowSeconds() }, [
          node("link_code_companion_reg", { stage: "primary_hello" }, [
            node("link_code_pairing_wrapped_primary_ephemeral_pub", {}, await wrap(ephemeral.public, code)),
            node("primary_identity_pub", {}, phone.identity.public),
            refNode(ref),
          ]),
        ]),
      );
      return greeted.settle.promise;
    },

    finish(registration, keys) {
      if (greeted === null) throw new Error("The client ends a pairing that nobody has begun on the phone.");
      const { companionKey, settle } = greeted;
      try {
        settle.resolve(secretOf(ephemeral, companionKey, phone, registration, keys));
      } catch {
        settle.reject(new Error("The pairing code is wrong."));
      }
    },

    abandon: (reason) => greeted?.settle.reject(reason),
  };
}

/** Opens the client's key bundle and derives from it what both sides now know; throws where the code was another. */
function secretOf(
  ephemeral: KeyPair,
  companionKey: Uint8Array,
  phone: Person,
  registration: BinaryNode,
  keys: DeviceKeys,
): Uint8Array {
  const bundle = bytesIn(registration, "link_code_pairing_wrapped_key_bundle");
  const shared = Curve.sharedKey(ephemeral.private, companionKey);
  const info = "link_code_pairing_key_bundle_encryption_key";
  const bundleKey = hkdf(shared, 32, { salt: bundle.subarray(0, 32), info });
  const opened = aesDecryptGCM(bundle.subarray(44), bundleKey, bundle.subarray(32, 44), Buffer.alloc(0));
  const [identityKey, random] = [opened.subarray(0, 32), opened.subarray(64)];
  if (Buffer.compare(identityKey, keys.identityKey) !== 0) throw new Error("The bundle holds another identity.");
  const identityShared = Curve.sharedKey(phone.identity.private, identityKey);
  return hkdf(Buffer.concat([shared, identityShared, random]), 32, { info: "adv_secret" });
}

/** Tells the attempts of a client apart. */
function refNode(ref: string): BinaryNode {
  return node("link_code_pairing_ref", {}, Buffer.from(ref));
}

async function wrap(publicKey: Uint8Array, code: string): Promise<Uint8Array> {
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  return Buffer.concat([salt, iv, aesEncryptCTR(publicKey, await codeKey(code, salt), iv)]);
}

/** People may type the code with the dash that the phone shows, and in small letters. */
function codeKey(code: string, salt: Buffer): Promise<Buffer> {
  return derivePairingCodeKey(code.replace("-", "").toUpperCase(), salt);
}
