/** Owns the server's side of the Noise handshake (XX) and of its encrypted frames; only for tests, production code never imports it. */
import { aesDecryptGCM, aesEncryptGCM, Curve, hkdf, NOISE_MODE, NOISE_WA_HEADER, proto, sha256, WA_CERT_DETAILS } from "baileys";

/** Signs the certificates of every fake server of this process, so that Baileys can trust them all. */
const rootKey = Curve.generateKeyPair();

export function trustFakeServers(): void {
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey.public);
}

/** In hexadecimal digits. */
export function certificateKey(): string {
  return Buffer.from(rootKey.public).toString("hex");
}

export interface Noise {
  /** Answers the client's first frame. */
  greet(frame: Uint8Array): Uint8Array;
  /** Reads the client's second frame; from then on `seal` and `open` are for the transport. */
  admit(frame: Uint8Array): { noiseKey: Uint8Array; payload: proto.ClientPayload };
  seal(plain: Uint8Array): Uint8Array;
  open(sealed: Uint8Array): Uint8Array;
}

export function createNoise(): Noise {
  const serverKey = Curve.generateKeyPair();
  const ephemeral = Curve.generateKeyPair();
  const handshake = createHandshake();
  let writeKey: Uint8Array = Buffer.alloc(0);
  let readKey: Uint8Array = Buffer.alloc(0);
  let written = 0;
  let read = 0;

  return {
    greet(frame) {
      const clientEphemeral = required(proto.HandshakeMessage.decode(frame).clientHello?.ephemeral);
      handshake.authenticate(NOISE_WA_HEADER);
      handshake.authenticate(clientEphemeral);
      handshake.authenticate(ephemeral.public);
      handshake.mix(Curve.sharedKey(ephemeral.private, clientEphemeral));
      const sealedStatic = handshake.seal(serverKey.public);
      handshake.mix(Curve.sharedKey(serverKey.private, clientEphemeral));
      const payload = handshake.seal(certificatesOf(serverKey.public));
      return proto.HandshakeMessage.encode({
        serverHello: { ephemeral: ephemeral.public, static: sealedStatic, payload },
      }).finish();
    },

    admit(frame) {
      const finish = proto.HandshakeMessage.decode(frame).clientFinish;
      const noiseKey = handshake.open(required(finish?.static));
      handshake.mix(Curve.sharedKey(ephemeral.private, noiseKey));
      const payload = proto.ClientPayload.decode(handshake.open(required(finish?.payload)));
      // What the client writes with, the server reads with.
      [readKey, writeKey] = handshake.split();
      return { noiseKey, payload };
    },

    seal: (plain) => aesEncryptGCM(plain, writeKey, nonce(written++), Buffer.alloc(0)),
    open: (sealed) => aesDecryptGCM(sealed, readKey, nonce(read++), Buffer.alloc(0)),
  };
}

/** The symmetric state of the handshake: hash, chaining key and cipher key. */
function createHandshake() {
  let hash: Buffer = Buffer.from(NOISE_MODE);
  let salt: Uint8Array = hash;
  let key: Uint8Array = hash;
  let count = 0;

  function authenticate(data: Uint8Array): void {
    hash = sha256(Buffer.concat([hash, data]));
  }
  function split(material: Uint8Array = Buffer.alloc(0)): [Uint8Array, Uint8Array] {
    const keys = hkdf(material, 64, { salt, info: "" });
    return [keys.subarray(0, 32), keys.subarray(32)];
  }
  return {
    authenticate,
    split,
    mix(secret: Uint8Array): void {
      [salt, key] = split(secret);
      count = 0;
    },
    seal(plain: Uint8Array): Uint8Array {
      const sealed = aesEncryptGCM(plain, key, nonce(count++), hash);
      authenticate(sealed);
      return sealed;
    },
    open(sealed: Uint8Array): Uint8Array {
      const plain = aesDecryptGCM(sealed, key, nonce(count++), hash);
      authenticate(sealed);
      return plain;
    },
  };
}

function nonce(count: number): Uint8Array {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(count, 8);
  return iv;
}

/** The chain that Baileys checks: the root signs the intermediate, which signs the leaf. */
function certificatesOf(serverKey: Uint8Array): Uint8Array {
  const { Details } = proto.CertChain.NoiseCertificate;
  const intermediateKey = Curve.generateKeyPair();
  const intermediate = Details.encode({ serial: 1, issuerSerial: WA_CERT_DETAILS.SERIAL, key: intermediateKey.public }).finish();
  const leaf = Details.encode({ serial: 2, issuerSerial: 1, key: serverKey }).finish();
  return proto.CertChain.encode({
    intermediate: { details: intermediate, signature: Curve.sign(rootKey.private, intermediate) },
    leaf: { details: leaf, signature: Curve.sign(intermediateKey.private, leaf) },
  }).finish();
}

function required(bytes: Uint8Array | null | undefined): Uint8Array {
  if (bytes === null || bytes === undefined) throw new Error("The client's handshake lacks a key or its payload.");
  return bytes;
}
