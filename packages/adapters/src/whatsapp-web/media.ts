/** Owns images and documents on their way out: fetched from their link once, uploaded once, and then sent to many. */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Instant } from "@mini-crm/core/instant";
import type { Media } from "@mini-crm/core/message/content";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { proto } from "baileys";
import { lookUpPublic, NotPublic, privateAddressIn } from "../webhook-http/public-lookup.ts";

const MOST_BYTES: Readonly<Record<Media["kind"], number>> = { image: 16_000_000, document: 64_000_000 };
const FETCH_TIMEOUT_MS = 30_000;
const MAX_REDIRECTS = 3;
const MAX_KEPT = 20;
/** Uploads live for weeks at WhatsApp; what stands behind a link may change sooner. */
const KEPT_MS = 3_600_000;
const FAILED_FOR_MS = 60_000;

export interface FetchedMedia {
  bytes: Buffer;
  mimetype: string;
}

/** The link gives nothing that could be sent: the message says why. */
export class MediaRefused extends Error {}

/** Uploads to WhatsApp, and answers the message to send, without a caption. */
export type Upload = (media: Media, fetched: FetchedMedia) => Promise<proto.IMessage>;

export interface MediaShelf {
  /** Resolves when it is uploaded, however often it is asked for. Rejects with `MediaRefused`, or because uploading failed. */
  get(media: Media, upload: Upload): Promise<proto.IMessage>;
}

/** `toPrivateAddresses`: links may also lead into this machine's own network. */
export function createMediaShelf(clock: Pick<Clock, "now">, options: { toPrivateAddresses: boolean }): MediaShelf {
  const kept = new Map<string, { message: Promise<proto.IMessage>; until: Instant }>();

  return {
    get(media, upload) {
      const key = `${media.kind} ${media.filename ?? ""} ${media.link}`;
      const known = kept.get(key);
      if (known !== undefined && clock.now() < known.until) return known.message;
      const message = fetchMedia(media, options.toPrivateAddresses).then((fetched) => upload(media, fetched));
      const entry = { message, until: clock.now() + KEPT_MS };
      kept.delete(key);
      kept.set(key, entry);
      message.catch((error: unknown) => {
        // A link is not fetched again for each of thousands; an upload that failed may be tried at once.
        entry.until = error instanceof MediaRefused ? clock.now() + FAILED_FOR_MS : 0;
      });
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
      return message;
    },
  };
}

async function fetchMedia({ kind, link }: Media, toPrivateAddresses: boolean): Promise<FetchedMedia> {
  const refuse = (why: string) => new MediaRefused(`The ${kind} cannot be fetched from ${link}: ${why}`);
  try {
    const response = await answerOf(new URL(link), toPrivateAddresses);
    const bytes = await bodyOf(response, MOST_BYTES[kind]);
    const mimetype = response.headers["content-type"]?.split(";")[0]?.trim() ?? "application/octet-stream";
    if (kind === "image" && !mimetype.startsWith("image/")) throw new Error(`it is of the type ${mimetype}, which is no image.`);
    return { bytes, mimetype };
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}

async function answerOf(url: URL, toPrivateAddresses: boolean, redirects = 0): Promise<IncomingMessage> {
  const response = await get(url, toPrivateAddresses);
  const { statusCode = 0, headers } = response;
  if (statusCode === 200) return response;
  response.destroy();
  if (statusCode < 300 || statusCode > 399 || headers.location === undefined) throw new Error(`it answers ${statusCode}.`);
  if (redirects === MAX_REDIRECTS) throw new Error("it leads on too many times.");
  return answerOf(new URL(headers.location, url), toPrivateAddresses, redirects + 1);
}

function get(url: URL, toPrivateAddresses: boolean): Promise<IncomingMessage> {
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new Error("a link begins with http:// or https://.");
  const address = toPrivateAddresses ? null : privateAddressIn(url);
  if (address !== null) throw new NotPublic(address);
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
    // A connection of its own: one that is kept was opened to an address that nobody looks at again.
    const asked = request(url, { agent: false, signal, ...(toPrivateAddresses ? {} : { lookup: lookUpPublic }) });
    asked.on("response", resolve);
    asked.on("error", reject);
    asked.end();
  });
}

async function bodyOf(response: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new Error("it is no file.");
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error(`it is larger than ${mostBytes / 1_000_000} MB.`);
  }
  return Buffer.concat(chunks);
}
