import { TOKEN_VALID_MS } from "@mini-crm/core/campaign/preflight";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "../test-backend.ts";
import { draftCampaign, FIVE_LEADS, moreThan } from "../test-campaign.ts";
import { signOfLife } from "../test-channel.ts";

let backend: TestBackend;
let campaignId: string;
let segmentId: string;
beforeEach(async () => {
  backend = await openBackend();
  const others = [
    { name: "No Phone", total_spend: 2000 },
    { name: "Stopped", phones: ["+4930901820"], total_spend: 2000, consent: { state: "opted_out" } },
    { phones: ["+4930901821"], total_spend: 2000 },
  ];
  await backend.call("POST", "/api/v1/leads/bulk", { leads: [...FIVE_LEADS, ...others] });
  ({ campaignId, segmentId } = await draftCampaign(backend));
});
afterEach(() => backend.close());

const show = (id = campaignId): Promise<Answer> => backend.call("POST", `/api/v1/campaigns/${id}/preflight`);
const runWith = (preflight_token: string, id = campaignId): Promise<Answer> =>
  backend.call("POST", `/api/v1/campaigns/${id}/run`, { preflight_token });
const statusOf = async (): Promise<string> => (await backend.call("GET", `/api/v1/campaigns/${campaignId}`)).body.data.status;
const errorOf = ({ status, body }: Answer): unknown[] => [status, body.error.code];

describe("a pre-flight", () => {
  test("shows who is reached, who is not and why, and with which words, and changes nothing", async () => {
    const { status, body } = await show();
    expect(status).toBe(200);
    expect(body.data).toMatchObject({
      campaign_id: campaignId,
      doubtful_numbers: { doubtful: 3, looked_up: 3 },
      blanks: [{ variable: "name", leads: 1 }],
      variants: [{ name: "A", percent: 100, messages: 3 }],
      longest: { text: "Hi David Brown, you spent $4500", length: 31 },
      shortest: { text: "Hi John Doe, you spent $1500", length: 28 },
      quiet_hours: null,
      canary: null,
      limit_per_minute: null,
      recipients_per_day: null,
      by_template: 0,
      messages_ahead: 0,
      estimated_done_at: null,
    });
    expect(body.data.waterfall).toEqual({
      matched: 6,
      steps: [
        { step: "no_phone", removed: 1, left: 5 },
        { step: "invalid_number", removed: 0, left: 5 },
        { step: "duplicate_number", removed: 0, left: 5 },
        { step: "opted_out", removed: 1, left: 4 },
        { step: "frequency_cap", removed: 0, left: 4 },
        { step: "outside_window", removed: 0, left: 4 },
        { step: "blank_variable", removed: 1, left: 3 },
        { step: "render_failed", removed: 0, left: 3 },
      ],
      final: 3,
    });
    expect(body.data.samples).toMatchObject([
      { name: "John Doe", phone: "+1234567890", variant: "A", text: "Hi John Doe, you spent $1500", blank: null },
      { name: "Bob Smith" },
      { name: "David Brown" },
      { name: null, phone: "+4930901821", text: null, blank: "name", reason: null },
    ]);
    expect(Date.parse(body.data.expires_at) - Date.parse(body.data.at)).toBe(TOKEN_VALID_MS);
    expect(await statusOf()).toBe("DRAFT");
  });

  test("says when it would be done at the channel's rate", async () => {
    await signOfLife(backend, { limits: { ...NO_LIMITS, rate: { messages: 30, windowMs: 61_000 } } });
    const canary = { percent: 10, wait_minutes: 15 };
    await backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, { canary });
    const { data } = (await show()).body;
    expect(data).toMatchObject({ limit_per_minute: 30, canary: { first: 1, wait_minutes: 15 } });
    expect(Math.round((Date.parse(data.estimated_done_at) - Date.parse(data.at)) / 60_000)).toBe(15);
  });

  test("is refused where the campaign cannot be started", async () => {
    expect(errorOf(await show("none"))).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    expect(errorOf(await show())).toEqual([409, "CAMPAIGN_NOT_STARTABLE"]);
  });
});

describe("a run with a pre-flight's token", () => {
  const shownToken = async (): Promise<string> => (await show()).body.data.preflight_token;

  test("starts what was shown, once", async () => {
    const token = await shownToken();
    const run = await runWith(token);
    expect([run.status, run.body.data]).toEqual([200, { campaignId, totalLeads: 6, jobPublished: true }]);
    expect(errorOf(await runWith(token))).toEqual([409, "CAMPAIGN_ALREADY_RUNNING"]);
  });

  test("may follow a text that tells the time", async () => {
    await backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, {
      message_template: "It is {{ 'now' | date: '%H:%M:%S.%L' }}",
    });
    expect((await runWith(await shownToken())).status).toBe(200);
  });

  test.each([
    [
      "what it says",
      () => backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, { message_template: "Bye {{name}}" }),
      "Changed: what it says. ",
    ],
    [
      "its caution",
      () => backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, { frequency_cap: { messages: 1, days: 1 } }),
      "Changed: `frequency_cap`. ",
    ],
    [
      "the segment's rule",
      () => backend.call("PATCH", `/api/v1/segments/${segmentId}`, { rule_ast: moreThan("total_spend", 2100) }),
      "Changed: the segment's rule; matched 6 -> 2; no_phone 1 -> 0; opted_out 1 -> 0; blank_variable 1 -> 0; final 3 -> 2. ",
    ],
    [
      "who is in the segment",
      () => backend.call("POST", "/api/v1/leads", { name: "New", phones: ["+4930901829"], total_spend: 9000 }),
      "Changed: matched 6 -> 7; final 3 -> 4. ",
    ],
    ["a lead's word", () => changeJohn({ total_spend: 1501 }), "the figures are the same"],
    ["a lead's number", () => changeJohn({ phones: ["+4930901828"] }), "the figures are the same"],
  ])("is refused where %s has changed, and says so", async (_what, change, words) => {
    const token = await shownToken();
    expect((await change()).status).toBeLessThan(300);
    const refused = await runWith(token);
    expect(errorOf(refused)).toEqual([409, "PREFLIGHT_CHANGED"]);
    expect(refused.body.error.details).toContain(words);
    expect(await statusOf()).toBe("DRAFT");
    expect((await runWith(await shownToken())).status).toBe(200);
  });

  async function changeJohn(fields: object): Promise<Answer> {
    const { body } = await backend.call("GET", "/api/v1/leads?limit=100");
    const john = body.data.leads.find(({ name }: { name: string | null }) => name === "John Doe");
    return backend.call("PATCH", `/api/v1/leads/${john._id}`, fields);
  }

  test("is refused where the token is unknown, another campaign's, or too old", async () => {
    const token = await shownToken();
    const other = await draftCampaign(backend);
    expect(errorOf(await runWith("nothing"))).toEqual([404, "PREFLIGHT_NOT_FOUND"]);
    expect(errorOf(await runWith(token, other.campaignId))).toEqual([404, "PREFLIGHT_NOT_FOUND"]);
    expect(errorOf(await runWith(token, "none"))).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
    const shown = await backend.store.preflights.read(token);
    if (shown === null) throw new Error("Nothing was kept");
    await backend.store.preflights.keep({ ...shown, token: "old", at: shown.at - TOKEN_VALID_MS });
    expect(errorOf(await runWith("old"))).toEqual([409, "PREFLIGHT_EXPIRED"]);
    expect(await statusOf()).toBe("DRAFT");
  });

  test("needs no token, nor a body", async () => {
    const other = await draftCampaign(backend);
    const url = (id: string) => `/api/v1/campaigns/${id}/run`;
    expect((await backend.call("POST", url(other.campaignId), "")).status).toBe(200);
    expect(errorOf(await backend.call("POST", url(campaignId), { token: "x" }))).toEqual([400, "VALIDATION_FAILED"]);
    expect((await backend.call("POST", url(campaignId), {})).status).toBe(200);
  });
});
