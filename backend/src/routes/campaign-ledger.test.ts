import { afterAll, beforeAll, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, FIVE_LEADS, receive } from "../test-campaign.ts";

const NOBODY = "0123456789abcdef01234567";
const EVERYBODY = -1;

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: [...FIVE_LEADS, { name: "No Phone", total_spend: 3 }] });
});
afterAll(() => backend.close());

/** A campaign to six, of whom one failed, one is uncertain, one has received it and two are still on the wire. */
async function midway(): Promise<{ id: string; messages: string[] }> {
  const { campaignId: id } = await draftCampaign(backend, EVERYBODY);
  await backend.call("POST", `/api/v1/campaigns/${id}/run`);
  const messages = await beginSending(backend, id);
  const [failed = "", uncertain = "", delivered = ""] = messages;
  const now = backend.clock.now();
  await backend.bus.commit([
    {
      step: "record",
      input: {
        worker: "test",
        now,
        outcomes: [
          { message_id: failed, attempt: 1, outcome: { kind: "failed", code: "131026", reason: "Not on WhatsApp" } },
          { message_id: uncertain, attempt: 1, outcome: { kind: "uncertain", code: "no_answer", reason: "No answer" } },
        ],
      },
    },
  ]);
  await receive(backend, delivered, "DELIVERED", now);
  return { id, messages };
}

test("a ledger sums up, and says by status and reason how many stand where and may be tried again", async () => {
  const { id } = await midway();
  const { status, body } = await backend.call("GET", `/api/v1/campaigns/${id}/ledger`);
  expect(status).toBe(200);
  expect(body.data).toMatchObject({
    campaign_id: id,
    status: "RUNNING",
    stats: { audience: 6, sent: 1, delivered: 1, failed: 1, skipped: 1, uncertain: 1, cancelled: 0, pending: 2 },
    closes: true,
    retry_refusal: null,
  });
  expect(body.data.counts).toEqual([
    { status: "DELIVERED", code: null, reason: null, messages: 1, retryable: 0 },
    { status: "FAILED", code: "131026", reason: "The number cannot be reached on WhatsApp", messages: 1, retryable: 1 },
    { status: "SENDING", code: null, reason: null, messages: 2, retryable: 0 },
    { status: "SKIPPED", code: "no_phone", reason: "Has no phone number", messages: 1, retryable: 0 },
    {
      status: "UNCERTAIN",
      code: "no_answer",
      reason: "It went out, and WhatsApp did not answer",
      messages: 1,
      retryable: 1,
    },
  ]);
  expect(body.data.check).toBeUndefined();
});

test("asked to check, it counts the rows as well, and they equal the counters", async () => {
  const { id } = await midway();
  const { body } = await backend.call("GET", `/api/v1/campaigns/${id}/ledger?check=rows`);
  expect(body.data.check).toEqual({ counters_equal_rows: true, rows: 6, differences: [] });
});

test("of a cancelled campaign nothing can be tried again, and it says why", async () => {
  const { id } = await midway();
  await backend.call("POST", `/api/v1/campaigns/${id}/cancel`);
  const { body } = await backend.call("GET", `/api/v1/campaigns/${id}/ledger`);
  expect(body.data.retry_refusal).toMatch(/^It is CANCELLED, and only/);
  expect(body.data.counts.map(({ retryable }: { retryable: number }) => retryable)).toEqual([0, 0, 0, 0, 0]);
});

test("of a DRAFT it has whom the campaign would reach, like the campaign itself, and no messages yet", async () => {
  const { campaignId } = await draftCampaign(backend);
  const { body } = await backend.call("GET", `/api/v1/campaigns/${campaignId}/ledger?check=rows`);
  expect(body.data).toMatchObject({ stats: { audience: 3, pending: 3 }, closes: true, counts: [], check: { rows: 0 } });
  expect(body.data.stats).toEqual((await backend.call("GET", `/api/v1/campaigns/${campaignId}`)).body.data.stats);
});

test("messages are filtered by status and reason together, and a reason that nothing has finds nothing", async () => {
  const { id, messages } = await midway();
  const idsOf = async (query: string) => {
    const { body } = await backend.call("GET", `/api/v1/delivery/campaign/${id}?${query}`);
    return [body.data.pagination.total, body.data.deliveryLogs.map(({ _id }: { _id: string }) => _id)];
  };
  expect(await idsOf("code=131026")).toEqual([1, [messages[0]]]);
  expect(await idsOf("status=UNCERTAIN&code=no_answer")).toEqual([1, [messages[1]]]);
  expect(await idsOf("status=FAILED&code=no_answer")).toEqual([0, []]);
  expect(await idsOf("code=x")).toEqual([0, []]);
  expect((await backend.call("GET", `/api/v1/delivery/campaign/${id}?code=`)).body.error.details).toMatchObject([
    { field: "code" },
  ]);
});

test("a message's history says what happened to it", async () => {
  const { messages } = await midway();
  const { body } = await backend.call("GET", `/api/v1/messages/${messages[0]}`);
  expect(body.data.history).toMatchObject([
    { status: "PENDING", attempt: 0 },
    { status: "SENDING", attempt: 1, at: body.data.sending_at },
    { status: "FAILED", attempt: 1, code: "131026", reason: "Not on WhatsApp", at: body.data.settled_at },
  ]);
});

test("what does not exist is 404, and another check than of the rows is 400", async () => {
  expect((await backend.call("GET", `/api/v1/campaigns/${NOBODY}/ledger`)).body.error.code).toBe("CAMPAIGN_NOT_FOUND");
  expect((await backend.call("GET", `/api/v1/campaigns/${NOBODY}/ledger?check=all`)).body.error).toMatchObject({
    code: "VALIDATION_FAILED",
    details: [{ field: "check" }],
  });
});
