import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, FIVE_LEADS } from "../test-campaign.ts";

const NOBODY = "0123456789abcdef01234567";
const EVERYBODY = -1;

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
});
afterAll(() => backend.close());

/** A campaign to five: three failed, for two reasons, and two are uncertain. */
async function failed(): Promise<{ id: string; url: string; messages: string[] }> {
  const { campaignId: id } = await draftCampaign(backend, EVERYBODY);
  await backend.call("POST", `/api/v1/campaigns/${id}/run`);
  const messages = await beginSending(backend, id);
  const outcomes = messages.map((message_id, index) => {
    const failure = { kind: "failed", code: index === 0 ? "render_failed" : "131026", reason: "It failed" } as const;
    const outcome = index < 3 ? failure : ({ kind: "uncertain", code: "no_answer", reason: "No answer" } as const);
    return { message_id, attempt: 1, outcome };
  });
  await backend.bus.commit([{ step: "record", input: { worker: "test", outcomes, now: backend.clock.now() } }]);
  return { id, url: `/api/v1/campaigns/${id}/retry`, messages };
}

async function pendingOf(id: string): Promise<number> {
  return (await backend.call("GET", `/api/v1/campaigns/${id}`)).body.data.stats.pending;
}

test("a dry run only counts, and what it counted is tried again when it is still true", async () => {
  const { id, url } = await failed();
  const dry = await backend.call("POST", url, { status: "FAILED", dry_run: true });
  expect(dry.body.data).toEqual({
    campaign_id: id,
    dry_run: true,
    count: 3,
    by_code: [
      { code: "131026", reason: "The number cannot be reached on WhatsApp", messages: 2 },
      { code: "render_failed", reason: "The text could not be rendered", messages: 1 },
    ],
    warning: null,
  });
  expect(await pendingOf(id)).toBe(0);

  const changed = await backend.call("POST", url, { status: "FAILED", expect: 4 });
  expect([changed.status, changed.body.error]).toEqual([
    409,
    {
      code: "RETRY_COUNT_CHANGED",
      message: "There are more or fewer messages to try again than were expected",
      details: "4 were expected, and there are 3 now: look at them again, nothing has been changed",
    },
  ]);
  expect((await backend.call("POST", url, { status: "FAILED", expect: 4, dry_run: true })).status).toBe(409);
  expect(await pendingOf(id)).toBe(0);

  const done = await backend.call("POST", url, { status: "FAILED", expect: 3 });
  expect(done.body.data).toMatchObject({ dry_run: false, count: 3, warning: null });
  expect(await pendingOf(id)).toBe(3);
  const again = await backend.call("POST", url, { status: "FAILED" });
  expect(again.body.data).toMatchObject({ count: 0, by_code: [] });
});

test("only those with the reason, or to the leads, that were chosen are tried again", async () => {
  const { id, url, messages } = await failed();
  const lead = messages[1]?.slice(24);
  expect((await backend.call("POST", url, { status: "FAILED", lead_ids: [lead, NOBODY] })).body.data).toMatchObject({
    count: 1,
    warning: "For 1 of the 2 `lead_ids` this campaign has no such message to try again.",
  });
  expect((await backend.call("POST", url, { status: "FAILED", code: "render_failed" })).body.data.count).toBe(1);
  const { body } = await backend.call("GET", `/api/v1/delivery/campaign/${id}?status=FAILED`);
  expect(body.data.deliveryLogs.map(({ _id }: { _id: string }) => _id)).toEqual([messages[2]]);
});

test("uncertain ones come with a warning that some may come twice", async () => {
  const { url } = await failed();
  const dry = await backend.call("POST", url, { status: "UNCERTAIN", dry_run: true });
  expect(dry.body.data).toMatchObject({ count: 2, warning: expect.stringContaining("gets it again") });
  const done = await backend.call("POST", url, { status: "UNCERTAIN", expect: 2 });
  expect(done.body.data).toMatchObject({ count: 2, warning: dry.body.data.warning });
  expect((await backend.call("POST", url, { status: "UNCERTAIN" })).body.data).toMatchObject({ count: 0, warning: null });
});

test("a reason for which nobody is tried again is told as such", async () => {
  const { url } = await failed();
  const never = { status: "SKIPPED", code: "opted_out", dry_run: true };
  expect((await backend.call("POST", url, never)).body.data).toMatchObject({
    count: 0,
    warning: 'Messages that are SKIPPED with the code "opted_out" are never tried again.',
  });
  for (const code of ["frequency_cap", "blank_variable"])
    expect((await backend.call("POST", url, { ...never, code })).body.data.warning).toBeNull();
});

test("where nothing can be tried again the reason is told, dry or not", async () => {
  const { id, url } = await failed();
  await backend.call("POST", `/api/v1/campaigns/${id}/cancel`);
  for (const dry_run of [true, false]) {
    const answer = await backend.call("POST", url, { status: "FAILED", dry_run });
    expect([answer.status, answer.body.error.code]).toEqual([409, "CAMPAIGN_NOT_RETRYABLE"]);
    expect(answer.body.error.details).toMatch(/^It is CANCELLED, and only messages of a RUNNING, PAUSED or COMPLETED/);
    const unknown = await backend.call("POST", `/api/v1/campaigns/${NOBODY}/retry`, { status: "FAILED", dry_run });
    expect([unknown.status, unknown.body.error.code]).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
  }
});

describe("a body that makes no sense is refused by its field", () => {
  test.each([
    ["status", { status: "SENT" }],
    ["status", {}],
    ["code", { status: "FAILED", code: "" }],
    ["lead_ids", { status: "FAILED", lead_ids: [] }],
    ["lead_ids", { status: "FAILED", lead_ids: Array.from({ length: 10_001 }, () => NOBODY) }],
    ["expect", { status: "FAILED", expect: -1 }],
    ["dry_run", { status: "FAILED", dry_run: "yes" }],
    ["all", { status: "FAILED", all: true }],
  ])("%s", async (field, body) => {
    const answer = await backend.call("POST", `/api/v1/campaigns/${NOBODY}/retry`, body);
    expect([answer.status, answer.body.error.code, answer.body.error.details[0].field]).toEqual([
      400,
      "VALIDATION_FAILED",
      field,
    ]);
  });
});
