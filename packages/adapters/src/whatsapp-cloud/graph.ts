/** Owns a call to Meta's Graph API: one request, and an answer that tells whether it may have had an effect. */
import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { CloudSettings } from "@mini-crm/core/channel/channel";
import type { Instant } from "@mini-crm/core/instant";
import { isJsonObject, type JsonObject } from "@mini-crm/core/json";
import type { Clock } from "@mini-crm/core/ports/clock";
import { jsonIn, objectAt, textAt } from "./json-reading.ts";

/** What calls for one number share; its connections are its own, so that no number waits for another. */
export interface GraphAccess {
  settings: Pick<CloudSettings, "base_url" | "api_version">;
  accessToken: string;
  clock: Pick<Clock, "now" | "schedule">;
  agents: { http: HttpAgent; https: HttpsAgent };
}

/** Enough for 1,000 messages a second that are answered within a quarter of one; beyond that calls wait for their turn. */
const MAX_CONNECTIONS = 256;
/** Shorter than servers keep an idle connection: one that they have just closed breaks the next call. */
const IDLE_MS = 4_000;

/** Holds no connection open that is not in use for long, so that nothing must be closed. */
export function graphAccess(access: Omit<GraphAccess, "agents">): GraphAccess {
  const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: IDLE_MS };
  return { ...access, agents: { http: new HttpAgent(options), https: new HttpsAgent(options) } };
}

export interface GraphCall {
  /** The path's parts after the version. */
  path: readonly string[];
  query?: Readonly<Record<string, string>>;
  /** Sent by POST; without one it is a GET. */
  body?: JsonObject;
  timeoutMs: number;
  /** Calls it off. */
  signal?: AbortSignal;
}

/** What Meta says of a request that it refused; `says` are its own words, without the access token. */
export interface GraphError {
  code: number;
  subcode: number | null;
  says: string;
}

/**
 * `refused`: Meta, or something on the way to it, answered otherwise than with success; `error` is null where that was no answer of
 * Meta's API. `unreachable`: no connection was made, so surely nothing happened. `no_answer`: whatever was asked may have happened.
 */
export type GraphAnswer =
  | { kind: "answered"; body: JsonObject }
  | { kind: "refused"; status: number; error: GraphError | null; retryAfterMs: number | null }
  | { kind: "unreachable"; reason: string }
  | { kind: "no_answer"; reason: string };

/** A page of a hundred large templates stays well below. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const MAX_SAYS_CHARS = 300;
const LONGEST_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * Never rejects. The access token is in the request's header and nowhere else: neither in an answer nor in the words of an error.
 * Redirects are not followed: Meta redirects nobody, and whoever else does must not get what was meant for Meta.
 */
export async function callGraph(access: GraphAccess, call: GraphCall): Promise<GraphAnswer> {
  const progress: Progress = { isConnected: false, isLate: false };
  try {
    const { status, retryAfter, bytes } = await exchange(access, call, progress);
    return answerOf(access, status, retryAfter, bytes);
  } catch (error) {
    return failureOf(error, progress, call);
  }
}

/** How far a call has got: before it is connected, nothing of it can have left. */
interface Progress {
  isConnected: boolean;
  isLate: boolean;
}

interface Exchanged {
  status: number;
  retryAfter: string | null;
  bytes: Uint8Array;
}

function exchange(access: GraphAccess, call: GraphCall, progress: Progress): Promise<Exchanged> {
  const { clock, agents } = access;
  return new Promise((resolve, reject) => {
    const url = urlOf(access, call);
    const isSecure = url.protocol === "https:";
    const request = isSecure
      ? requestHttps(url, { ...optionsOf(access, call), agent: agents.https })
      : requestHttp(url, { ...optionsOf(access, call), agent: agents.http });
    const cancel = clock.schedule(call.timeoutMs, () => {
      progress.isLate = true;
      request.destroy(new Error("late"));
    });
    request.on("socket", (socket) => {
      const connected = () => {
        progress.isConnected = true;
      };
      if (socket.connecting) socket.once(isSecure ? "secureConnect" : "connect", connected);
      else connected();
    });
    request.on("response", (response) => {
      const retryAfter = response.headers["retry-after"] ?? null;
      bytesOf(response).then((bytes) => resolve({ status: response.statusCode ?? 0, retryAfter, bytes }), reject);
    });
    request.on("error", reject);
    request.on("close", cancel);
    request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  });
}

function urlOf({ settings }: GraphAccess, { path, query }: GraphCall): URL {
  const parts = [settings.api_version, ...path].map(encodeURIComponent).join("/");
  return new URL(`${settings.base_url}/${parts}${query === undefined ? "" : `?${new URLSearchParams(query)}`}`);
}

function optionsOf({ accessToken }: GraphAccess, { body, signal }: GraphCall): RequestOptions {
  const headers = { authorization: `Bearer ${accessToken}` };
  const stop = signal === undefined ? {} : { signal };
  if (body === undefined) return { ...stop, headers };
  return { ...stop, method: "POST", headers: { ...headers, "content-type": "application/json" } };
}

async function bytesOf(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) break;
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error("The answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answerOf(access: GraphAccess, status: number, retryAfter: string | null, bytes: Uint8Array): GraphAnswer {
  const json = jsonIn(bytes);
  const body = isJsonObject(json) ? json : null;
  if (status >= 200 && status <= 299) {
    return body === null
      ? { kind: "no_answer", reason: "What came back was no answer of Meta's API" }
      : { kind: "answered", body };
  }
  const retryAfterMs = retryAfterOf(retryAfter, access.clock.now());
  return { kind: "refused", status, error: errorIn(body, access.accessToken), retryAfterMs };
}

/** Meta's words may repeat the token ("Malformed access token ..."). */
function errorIn(body: JsonObject | null, accessToken: string): GraphError | null {
  const error = body?.["error"];
  if (!isJsonObject(error) || typeof error["code"] !== "number") return null;
  const subcode = error["error_subcode"];
  const words = textAt(objectAt(error, "error_data"), "details") ?? textAt(error, "message") ?? "";
  const says = accessToken === "" ? words : words.replaceAll(accessToken, "…");
  return { code: error["code"], subcode: typeof subcode === "number" ? subcode : null, says: says.slice(0, MAX_SAYS_CHARS) };
}

/** Seconds, or a moment as HTTP writes it. */
function retryAfterOf(header: string | null, now: Instant): number | null {
  if (header === null) return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? null : Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms));
}

/** Of an error only its code is told: its words may hold anything. */
function failureOf(error: unknown, { isConnected, isLate }: Progress, { timeoutMs, signal }: GraphCall): GraphAnswer {
  const code = error instanceof Error && "code" in error ? String(error.code) : "no code";
  if (!isConnected) {
    const cause = isLate ? `no connection within ${timeoutMs / 1000} s` : code;
    return { kind: "unreachable", reason: `Meta cannot be reached (${cause})` };
  }
  if (isLate) return { kind: "no_answer", reason: `Meta did not answer within ${timeoutMs / 1000} s` };
  if (signal?.aborted === true) return { kind: "no_answer", reason: "The call was broken off before Meta answered" };
  return { kind: "no_answer", reason: `The connection broke before Meta answered (${code})` };
}
