import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { draftCampaign } from "../test-campaign.ts";

const NOBODY = "0123456789abcdef01234567";
const MESSAGES = 5_000;
/** So long that a page of them is more than what sockets hold back by themselves. */
const TEXT = "€".repeat(4_000);
const FORMULA = '=HYPERLINK("http://evil.example")';

let backend: TestBackend;
let campaignId: string;
let origin: string;
/** How many pages have been read from the store. */
let pagesRead = 0;

beforeAll(async () => {
  backend = await openBackend();
  const { messages } = backend.store;
  const { next } = messages;
  messages.next = (...asked) => {
    pagesRead += 1;
    return next(...asked);
  };
  const leads = Array.from({ length: MESSAGES }, (_, index) => ({
    name: index === 0 ? FORMULA : `Zoë, number ${index}`,
    phones: [`+1415${5_550_000 + index}`],
    total_spend: index,
  }));
  await backend.call("POST", "/api/v1/leads/bulk", { leads });
  ({ campaignId } = await draftCampaign(backend, -1));
  await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
  await sendAll(backend, campaignId);
  origin = await backend.app.listen({ host: "127.0.0.1", port: 0 });
}, 120_000);
afterAll(() => backend.close());

/** Leaves every message SENDING with the long text, save the first, which failed. */
async function sendAll({ store, bus, clock }: TestBackend, campaign_id: string): Promise<void> {
  const now = clock.now();
  await bus.commit([{ step: "expand", input: { campaign_id, after: null, leadsPerWindow: 20_000, now } }]);
  const common = { channel_id: "default", worker: "test", limits: NO_LIMITS, leaseMs: 60_000, now };
  for (let first: string | null = null; ; ) {
    const claim = await store.messages.claim({ ...common, campaign_id, after: null, up_to: "g", max: 1_000 });
    if (claim.kind !== "claimed") return;
    const messages = claim.messages.map(({ _id, attempt, phone }) => ({ _id, attempt, phone: phone ?? "", text: TEXT }));
    await store.messages.admit({ ...common, messages });
    first ??= claim.messages[0]?._id ?? null;
    if (first !== claim.messages[0]?._id) continue;
    const outcome = { kind: "failed", code: "131026", reason: "Not on\nWhatsApp" } as const;
    await bus.commit([
      { step: "record", input: { worker: "test", now, outcomes: [{ message_id: first, attempt: 1, outcome }] } },
    ]);
  }
}

function exported(extension: "csv" | "ndjson", query = ""): Promise<Response> {
  return fetch(`${origin}/api/v1/campaigns/${campaignId}/messages.${extension}${query}`);
}

/** A caller who sends the request and takes nothing of the answer until `resume`. */
async function startCaller(extension: "csv" | "ndjson"): Promise<Socket> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.pause();
  socket.write(`GET /api/v1/campaigns/${campaignId}/messages.${extension} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  return socket;
}

/** Resolves when no further page has been read during many other requests. */
async function whenReadingRests(): Promise<void> {
  for (let quiet = 0, before = -1; quiet < 30; quiet += 1) {
    if (pagesRead !== before) quiet = 0;
    before = pagesRead;
    await backend.call("GET", `/api/v1/delivery/campaign/${campaignId}?page=7`);
  }
}

test("as NDJSON it is every message once, in the order of the ledger, each as the API shows it", async () => {
  const answer = await exported("ndjson");
  expect(answer.headers.get("content-type")).toBe("application/x-ndjson");
  expect(answer.headers.get("content-disposition")).toBe(`attachment; filename="campaign-${campaignId}.ndjson"`);
  const messages = (await answer.text())
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  expect(messages).toHaveLength(MESSAGES);
  expect(messages.every(({ lead_id }, index) => index === 0 || lead_id > messages[index - 1].lead_id)).toBe(true);
  const page = await backend.call("GET", `/api/v1/delivery/campaign/${campaignId}?limit=1&page=4000`);
  expect(messages[3_999]).toEqual({ ...page.body.data.deliveryLogs[0], name: "Zoë, number 3999", variant: "A" });
});

test("as CSV it opens in a spreadsheet: names as they are, nothing that is calculated, numbers with their plus", async () => {
  const answer = await exported("csv", "?status=FAILED&code=131026");
  expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await answer.arrayBuffer());
  const [head, line, ...rest] = text.split("\r\n");
  expect(head).toBe(
    "\uFEFFlead_id,name,phone,status,attempt,code,reason,variant,text,provider_id,created_at,due_at,sending_at,sent_at,delivered_at,read_at,settled_at,replied_at,opted_out_at",
  );
  expect(line).toMatch(
    /^[0-9a-f]{24},"'=HYPERLINK\(""http:\/\/evil\.example""\)",\+14155550000,FAILED,1,131026,"Not on\nWhatsApp",A,€+,,20\d\d-.*Z,,20\d\d-.*Z,,,,20\d\d-.*Z,,$/,
  );
  expect(rest).toEqual([""]);
  const sent = await (await exported("csv", "?status=SENDING")).text();
  expect(sent).toContain(',"Zoë, number 4999",+14155554999,SENDING,');
  expect(sent.split("\r\n")).toHaveLength(MESSAGES - 1 + 2);
});

test("a caller who takes nothing has a page or two waiting, however long the ledger, and gets the rest when it goes on", async () => {
  pagesRead = 0;
  const socket = await startCaller("ndjson");
  await whenReadingRests();
  expect(pagesRead).toBeGreaterThan(0);
  expect(pagesRead).toBeLessThan(4);
  let received = "";
  socket.on("data", (chunk) => (received = `${received}${chunk.toString("latin1")}`.slice(-20)));
  socket.resume();
  while (!received.endsWith("0\r\n\r\n")) await once(socket, "data");
  expect(pagesRead).toBe(MESSAGES / 1_000 + 1);
  socket.destroy();
});

test("nothing more is read for a caller who has gone away", async () => {
  pagesRead = 0;
  const socket = await startCaller("csv");
  await whenReadingRests();
  const before = pagesRead;
  socket.destroy();
  await whenReadingRests();
  expect(pagesRead).toBeLessThanOrEqual(before + 1);
  expect(backend.log.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
});

test("what does not exist is 404, and a filter that makes no sense is 400, before anything is streamed", async () => {
  for (const extension of ["csv", "ndjson"]) {
    const unknown = await backend.call("GET", `/api/v1/campaigns/${NOBODY}/messages.${extension}`);
    expect([unknown.status, unknown.body.error.code]).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
    const url = `/api/v1/campaigns/${campaignId}/messages.${extension}`;
    for (const query of ["status=LOST", "code=", "page=2"]) {
      expect((await backend.call("GET", `${url}?${query}`)).status).toBe(400);
    }
    expect((await backend.call("HEAD", url)).status).toBe(405);
  }
  const draft = await draftCampaign(backend);
  const answer = await backend.app.inject({ url: `/api/v1/campaigns/${draft.campaignId}/messages.ndjson` });
  expect([answer.statusCode, answer.body]).toEqual([200, ""]);
});
