import type { Instant } from "@mini-crm/core/instant";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock/system-clock.ts";
import { answerTo, MEANINGS } from "./errors.ts";
import { callGraph, graphAccess } from "./graph.ts";
import { ACCEPTED, type GraphReply, graphError, type LocalGraph, startLocalGraph } from "./local-graph.ts";

let graph: LocalGraph;
beforeEach(async () => {
  graph = await startLocalGraph();
});
afterEach(() => graph.close());

interface Send {
  timeoutMs?: number;
  signal?: AbortSignal;
  now?: Instant;
  accessToken?: string;
}

/** What a send is answered where the server replies so. */
async function answered(reply: GraphReply, send: Send = {}): Promise<SendAnswer> {
  graph.reply(() => reply);
  const { now, accessToken = graph.secrets.access_token, timeoutMs = 5_000, signal } = send;
  const clock = systemClock();
  const access = graphAccess({
    settings: graph.settings,
    accessToken,
    clock: now === undefined ? clock : { ...clock, now: () => now },
  });
  const call = { path: ["1", "messages"], body: { to: "+4915112345678" }, timeoutMs };
  return answerTo(await callGraph(access, signal === undefined ? call : { ...call, signal }));
}

/** Every code that is dealt with in a way of its own, with the HTTP status that Meta gives it. */
const ACCOUNT_FOR_NOW = [
  ...([
    [2, 503],
    [4, 400],
    [80007, 400],
    [130429, 400],
    [131016, 500],
    [131057, 500],
    [133004, 503],
  ] as const),
];
const RECIPIENT_FOR_GOOD = [131026, 131030, 131047, 130472, 131021, 130497];
const CAMPAIGN_FOR_GOOD = [
  ...[100, 131008, 131009, 131051, 131053],
  ...[132000, 132001, 132005, 132007, 132012, 132015, 132016, 132018, 132068, 132069],
];
const NO_ACCESS = [0, 3, 10, 33, 190, 200, 210, 299, 131005];
const RESTRICTED = [368, 131037, 131042, 131045, 131048, 133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016];

describe("what is refused by Meta", () => {
  test.each(ACCOUNT_FOR_NOW)("code %i (HTTP %i) holds the whole account back for now", async (code, status) => {
    const answer = await answered(graphError(status, code));
    expect(answer).toEqual({
      ...{ kind: "retryable", scope: "account", code: String(code), retryAfterMs: null },
      reason: `${reasonOf(String(code))}. Meta says: (#${code}) An error`,
    });
  });

  test("code 131000 (HTTP 500) is tried again for its recipient, as surely not sent", async () => {
    const reason = reasonOf("131000");
    expect(await answered(graphError(500, 131000))).toEqual({
      ...{ kind: "retryable", scope: "recipient", code: "131000", reason, retryAfterMs: null },
    });
  });

  test("code 131056 only waits for its recipient, for as long as Meta's pause for a pair", async () => {
    const reason = reasonOf("131056");
    expect(await answered(graphError(400, 131056))).toEqual({
      ...{ kind: "retryable", scope: "recipient", code: "131056", reason, retryAfterMs: 6_000 },
    });
  });

  test("code 131049 is deferred for a day", async () => {
    const reason = reasonOf("131049");
    expect(await answered(graphError(400, 131049))).toEqual({ kind: "deferred", code: "131049", reason, afterMs: 86_400_000 });
  });

  test.each(RECIPIENT_FOR_GOOD)("code %i is final for its recipient, and nobody else's matter", async (code) => {
    const reason = reasonOf(String(code));
    expect(await answered(graphError(400, code))).toEqual({
      ...{ kind: "permanent", scope: "recipient", code: String(code), reason, wish: null },
    });
  });

  test("code 131050 is final for its recipient, who wants no more", async () => {
    expect(await answered(graphError(400, 131050))).toMatchObject({ kind: "permanent", scope: "recipient", wish: "stop" });
  });

  test.each(CAMPAIGN_FOR_GOOD)("code %i is final for the campaign, with Meta's own details", async (code) => {
    const details = "body: number of localizable_params (1) does not match";
    const answer = await answered(graphError(400, code, { error_data: { messaging_product: "whatsapp", details } }));
    expect(answer).toEqual({
      ...{ kind: "permanent", scope: "campaign", code: String(code), wish: null },
      reason: `${reasonOf(String(code))}. Meta says: ${details}`,
    });
  });

  test.each(NO_ACCESS)("code %i makes the access invalid", async (code) => {
    expect(await answered(graphError(401, code))).toMatchObject({ kind: "session", state: "auth_invalid" });
  });

  test.each(RESTRICTED)("code %i restricts the account", async (code) => {
    expect(await answered(graphError(403, code))).toMatchObject({ kind: "session", state: "restricted" });
  });

  test("code 131031 locks the account", async () => {
    expect(await answered(graphError(403, 131031))).toMatchObject({ kind: "session", state: "banned" });
  });

  test("an object that the token may not see is a matter of access, and not of a campaign", async () => {
    const answer = await answered(graphError(400, 100, { error_subcode: 33 }));
    expect(answer).toMatchObject({ kind: "session", state: "auth_invalid", reason: expect.stringContaining("phone_number_id") });
  });

  test("a code that nobody here knows ends one message, with Meta's words", async () => {
    expect(await answered(graphError(400, 139999))).toEqual({
      ...{ kind: "permanent", scope: "recipient", code: "139999", wish: null },
      reason: "Meta refused it (code 139999). Meta says: (#139999) An error",
    });
  });

  test("nothing is listed that is not tested here, and everything listed has words", () => {
    const tested = [
      ...ACCOUNT_FOR_NOW.map(([code]) => code),
      ...RECIPIENT_FOR_GOOD,
      ...CAMPAIGN_FOR_GOOD,
      ...NO_ACCESS,
      ...RESTRICTED,
    ];
    for (const code of MEANINGS.keys()) {
      expect([...tested, 131000, 131031, 131049, 131050, 131056]).toContain(code);
      expect(reasonOf(String(code)), `words for ${code}`).toMatch(/^[A-Z]/);
    }
  });
});

describe("what is limited", () => {
  test.each([
    ["30", 30_000],
    ["Wed, 15 Jan 2025 12:01:00 GMT", 60_000],
    ["Wed, 15 Jan 2025 11:00:00 GMT", 0],
    ["99999999", 86_400_000],
    ["soon", null],
  ])("Retry-After: %s means %s ms", async (header, retryAfterMs) => {
    const now = Date.UTC(2025, 0, 15, 12);
    const reply = { status: 429, body: "", headers: { "retry-after": header } };
    expect(await answered(reply, { now })).toMatchObject({ kind: "retryable", scope: "account", retryAfterMs });
  });

  test("HTTP 429 holds the account back, whatever code comes with it, unless the code says more", async () => {
    const headers = { "retry-after": "7" };
    const account = { kind: "retryable", scope: "account", retryAfterMs: 7_000 };
    const limited = (code: number): GraphReply => ({ status: 429, headers, body: { error: { message: "Limited", code } } });
    expect(await answered(limited(139999))).toMatchObject(account);
    expect(await answered(limited(130429))).toMatchObject(account);
    expect(await answered(limited(131056))).toMatchObject({ ...account, scope: "recipient" });
  });
});

describe("what nobody knows the outcome of", () => {
  test.each([500, 502, 503, 504])("a bare HTTP %i is unknown, so that nothing is sent twice", async (status) => {
    expect(await answered({ status, body: "<html>oops</html>" })).toMatchObject({ kind: "unknown" });
    expect(await answered(graphError(status, 139999))).toMatchObject({ kind: "unknown" });
  });

  test("no answer in time is unknown", async () => {
    expect(await answered("hangs", { timeoutMs: 50 })).toEqual({ kind: "unknown", reason: "Meta did not answer within 0.05 s" });
  });

  test("a connection that is cut is unknown", async () => {
    expect(await answered("cut")).toMatchObject({ kind: "unknown", reason: expect.stringContaining("broke") });
  });

  test("a success without an identifier, or without JSON, is unknown", async () => {
    expect(await answered({ status: 200, body: { messages: [] } })).toMatchObject({ kind: "unknown" });
    expect(await answered({ status: 200, body: "OK" })).toMatchObject({ kind: "unknown" });
  });
});

describe("what surely was not sent", () => {
  test("a connection that cannot be made holds the account back", async () => {
    const gone = await startLocalGraph();
    await gone.close();
    graph.settings.base_url = gone.settings.base_url;
    expect(await answered(ACCEPTED)).toEqual({
      ...{ kind: "retryable", scope: "account", code: "unreachable", retryAfterMs: null },
      reason: "Meta cannot be reached (ECONNREFUSED)",
    });
    graph.settings.base_url = "http://nowhere.invalid";
    expect(await answered(ACCEPTED)).toMatchObject({ kind: "retryable", scope: "account", code: "unreachable" });
  });

  test("a connection that cannot be made secure holds the account back, and nothing of the request leaves", async () => {
    graph.settings.base_url = graph.settings.base_url.replace("http:", "https:");
    expect(await answered(ACCEPTED)).toMatchObject({ kind: "retryable", scope: "account", code: "unreachable" });
    expect(graph.requests).toEqual([]);
  });

  test.each([301, 307, 403, 404, 407])("an HTTP %i that is not Meta's API costs no recipient anything", async (status) => {
    const elsewhere = { location: `${graph.settings.base_url}/elsewhere` };
    expect(await answered({ status, body: "Not here", headers: elsewhere })).toMatchObject({
      kind: "retryable",
      scope: "account",
    });
    expect(graph.requests).toHaveLength(1);
  });
});

describe("the access token", () => {
  test("is in the header, and in no answer, whatever Meta repeats of it", async () => {
    const token = graph.secrets.access_token;
    const answer = await answered(graphError(401, 190, { message: `Malformed access token ${token}` }));
    expect(graph.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);
    expect(answer).toMatchObject({ reason: expect.stringContaining("Malformed access token …") });
    expect(JSON.stringify(answer)).not.toContain(token);
  });

  test("is in no answer where it cannot even be a header", async () => {
    const answer = await answered(ACCEPTED, { accessToken: "secret\ntoken" });
    expect(answer).toMatchObject({ kind: "retryable", scope: "account", code: "unreachable" });
    expect(JSON.stringify(answer)).not.toMatch(/secret|token/);
    expect(graph.requests).toEqual([]);
  });
});
