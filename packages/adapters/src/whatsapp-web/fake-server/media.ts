/** Owns the server's store of uploaded media, and how Baileys reaches it; only for tests, production code never imports it. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent } from "node:https";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { aesDecryptWithIV, getMediaKeys, type proto } from "baileys";
import type { SentMedia } from "./fake.ts";

/** The name that clients are told to upload to; only `mediaAgent` leads there. */
export const MEDIA_HOST = "media.fake.whatsapp.net";

const MAC_LENGTH = 10;

export interface MediaStore {
  /** Takes an upload. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** What a message carries, decrypted; null for a plain text. Throws where it was never uploaded. */
  mediaOf(message: proto.IMessage): Promise<SentMedia | null>;
}

export function createMediaStore(): MediaStore {
  const uploads = new Map<string, Buffer>();

  async function open(
    kind: SentMedia["kind"],
    media: proto.Message.IImageMessage | proto.Message.IDocumentMessage,
  ): Promise<Uint8Array> {
    const upload = uploads.get(media.directPath ?? "");
    if (upload === undefined) throw new Error("A message carries media that nobody has uploaded.");
    const { cipherKey, iv } = await getMediaKeys(media.mediaKey, kind);
    return aesDecryptWithIV(upload.subarray(0, -MAC_LENGTH), cipherKey, iv);
  }

  return {
    async handle(request, response) {
      const path = `/v/${randomUUID()}`;
      uploads.set(path, await buffer(request));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ url: `https://${MEDIA_HOST}${path}`, direct_path: path }));
    },

    async mediaOf({ imageMessage, documentMessage, documentWithCaptionMessage }) {
      const document = documentMessage ?? documentWithCaptionMessage?.message?.documentMessage;
      if (imageMessage) {
        return { kind: "image", mimetype: imageMessage.mimetype ?? "", filename: null, bytes: await open("image", imageMessage) };
      }
      if (!document) return null;
      const bytes = await open("document", document);
      return { kind: "document", mimetype: document.mimetype ?? "", filename: document.fileName ?? null, bytes };
    },
  };
}

/** Leads every https request to the plain port of this server. */
export function createMediaAgent(port: number): Agent {
  const agent = new Agent();
  agent.createConnection = () => connect(port, "127.0.0.1");
  return agent;
}
