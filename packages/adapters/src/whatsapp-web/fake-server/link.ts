/** Owns one connection of a client: frames in, nodes out, in their order; only for tests, production code never imports it. */
import { type BinaryNode, decodeBinaryNode, encodeBinaryNode, NOISE_WA_HEADER, type proto } from "baileys";
import type { RawData, WebSocket } from "ws";
import { createNoise } from "./noise.ts";

/** What a client says of itself when the handshake is done. */
export interface Admission {
  noiseKey: Uint8Array;
  payload: proto.ClientPayload;
}

export interface Link {
  send(node: BinaryNode): void;
  /** Closes the connection when everything sent has left. */
  close(): void;
  /** Breaks the connection. */
  drop(): void;
}

export interface LinkListener {
  admitted(link: Link, admission: Admission): Promise<void>;
  node(link: Link, node: BinaryNode): Promise<void>;
  closed(link: Link): void;
  /** The client said what the server could not make sense of; its connection is broken. */
  failed(error: unknown): void;
}

/** `inTurn` runs what it is given one after the other, so that the server handles the frames of all its clients in one order. */
export function acceptLink(
  socket: WebSocket,
  inTurn: (work: () => Promise<void>) => Promise<void>,
  listener: LinkListener,
): void {
  const noise = createNoise();
  const frames = createFrameReader();
  let stage: "hello" | "finish" | "open" = "hello";
  const link: Link = {
    send(node) {
      if (socket.readyState === socket.OPEN) socket.send(framed(noise.seal(encodeBinaryNode(node))));
    },
    close: () => socket.close(),
    drop: () => socket.terminate(),
  };

  async function take(frame: Uint8Array): Promise<void> {
    if (stage === "hello") {
      stage = "finish";
      socket.send(framed(noise.greet(frame)));
      return;
    }
    if (stage === "finish") {
      stage = "open";
      await listener.admitted(link, noise.admit(frame));
      return;
    }
    await listener.node(link, await decodeBinaryNode(Buffer.from(noise.open(frame))));
  }

  function fail(error: unknown): void {
    listener.failed(error);
    link.drop();
  }

  socket.on("message", (data: RawData) => {
    for (const frame of frames.push(bytesOf(data))) inTurn(() => take(frame)).catch(fail);
  });
  // What breaks a connection also closes it.
  socket.on("error", () => {});
  socket.on("close", () => listener.closed(link));
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

/** A frame is its length in three bytes and then its content; the first of a connection has WhatsApp's header before it. */
function createFrameReader(): { push(data: Buffer): Buffer[] } {
  let pending = Buffer.alloc(0);
  let introduced = false;
  return {
    push(data) {
      pending = Buffer.concat([pending, data]);
      if (!introduced && pending.length >= NOISE_WA_HEADER.length) {
        pending = pending.subarray(NOISE_WA_HEADER.length);
        introduced = true;
      }
      const frames: Buffer[] = [];
      while (introduced && pending.length >= 3 && pending.length >= 3 + pending.readUIntBE(0, 3)) {
        const end = 3 + pending.readUIntBE(0, 3);
        frames.push(pending.subarray(3, end));
        pending = pending.subarray(end);
      }
      return frames;
    },
  };
}

function framed(content: Uint8Array): Buffer {
  const length = Buffer.alloc(3);
  length.writeUIntBE(content.length, 0, 3);
  return Buffer.concat([length, content]);
}
