/** Owns the `WebhookTransport` port over HTTP, and sees to it that nobody outside can make this machine call its own network. */
import { type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { TransportAnswer, WebhookPost, WebhookTransport } from "@mini-crm/core/ports/webhook-transport";
import { clip } from "@mini-crm/core/text";
import { lookUpPublic, NotPublic, privateAddressIn } from "./public-lookup.ts";

const EXCERPT_BYTES = 1024;

export function httpWebhookTransport({ toPrivateAddresses }: { toPrivateAddresses: boolean }): WebhookTransport {
  const refusalOf = (url: string): string | null => {
    const address = toPrivateAddresses ? null : privateAddressIn(new URL(url));
    return address === null ? null : notPublic(address);
  };

  return {
    refusalOf,
    async post(post) {
      const refusal = refusalOf(post.url);
      if (refusal !== null) return { kind: "refused", reason: refusal };
      return postTo(new URL(post.url), post, toPrivateAddresses ? {} : { lookup: lookUpPublic });
    },
  };
}

function postTo(url: URL, { headers, body, timeoutMs, signal }: WebhookPost, options: RequestOptions): Promise<TransportAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve) => {
    const sent = request(url, {
      ...options,
      method: "POST",
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
      // A connection of its own: one that is kept was opened to an address that nobody looks at again.
      agent: false,
      signal: AbortSignal.any([signal, timeout]),
    });
    let isAnswered = false;
    sent.on("response", (response) => {
      isAnswered = true;
      void excerptOf(response).then((excerpt) => resolve({ kind: "answered", status: response.statusCode ?? 0, excerpt }));
    });
    sent.on("error", (error) => {
      // What breaks off after the status has come is no failure: the status says what is to be known.
      if (isAnswered) return;
      const ended = timeout.aborted
        ? `No answer came within ${timeoutMs / 1000} s.`
        : "This process stopped before an answer came.";
      if (error instanceof NotPublic) resolve({ kind: "refused", reason: notPublic(error.address) });
      else resolve({ kind: "failed", reason: error.name === "AbortError" ? ended : reasonOf(error) });
    });
    sent.end(body);
  });
}

/** The beginning of a body, as far as it comes; the rest is not read. */
async function excerptOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      if (!Buffer.isBuffer(chunk)) break;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= EXCERPT_BYTES) break;
    }
  } catch {
    // It broke off: what has come is kept.
  }
  return Buffer.concat(chunks).subarray(0, EXCERPT_BYTES).toString("utf8").replaceAll("\0", "");
}

/** Where several addresses were tried in vain, Node gives the code alone. */
function reasonOf(error: Error): string {
  return clip(error.message === "" && "code" in error ? String(error.code) : error.message);
}

function notPublic(address: string): string {
  return `${address} is no public address: webhooks only reach those, unless WEBHOOKS_TO_PRIVATE_ADDRESSES=true is set.`;
}
