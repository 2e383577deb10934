import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, FIVE_LEADS, moreThan, receive } from "../test-campaign.ts";

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
});
afterAll(() => backend.close());

const ZEROS = { sent: 0, failed: 0, delivered: 0, read: 0, skipped: 0, uncertain: 0, cancelled: 0 };

async function stats(campaignId: string): Promise<object> {
  return (await backend.call("GET", `/api/v1/campaigns/${campaignId}`)).body.data.stats;
}

describe("a campaign", () => {
  test("is created as a DRAFT with the number of people it would go to", async () => {
    const segment = await backend.call("POST", "/api/v1/segments", { name: "High", rule_ast: moreThan("total_spend", 1000) });
    const message_template = "Hi {{name}}! 🎉 You spent ${{total_spend}} in {{visits}} visits";
    const body = { name: "Rewards", segment_id: segment.body.data._id, message_template };
    const created = await backend.call("POST", "/api/v1/campaigns", body);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      success: true,
      data: {
        ...body,
        _id: expect.stringMatching(/^[0-9a-f]{24}$/),
        channel_id: "default",
        variants: [],
        quiet_hours: null,
        frequency_cap: null,
        expires_at: null,
        canary: null,
        canary_phase: null,
        media: null,
        buttons: [],
        template: null,
        created_by: "admin",
        status: "DRAFT",
        scheduled_at: null,
        hold: null,
        stats: { audience: 3, ...ZEROS, pending: 3 },
        waitingFor: null,
        rate_per_minute: 0,
        estimated_done_at: null,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        started_at: null,
        completed_at: null,
      },
    });
    expect((await backend.call("GET", `/api/v1/campaigns/${created.body.data._id}`)).body).toEqual(created.body);
  });

  test("to a segment that does not exist is refused in the walkthrough's words", async () => {
    const body = {
      name: "Invalid Campaign",
      segment_id: "invalid-segment-id",
      message_template: "Test message",
      created_by: "admin",
    };
    const refused = await backend.call("POST", "/api/v1/campaigns", body);
    expect(refused.status).toBe(404);
    expect(refused.body).toEqual({
      success: false,
      error: {
        message: "Segment not found",
        code: "SEGMENT_NOT_FOUND",
        details: "Segment with ID invalid-segment-id does not exist",
      },
    });
  });

  test.each(["Hi {{name", "Hi {{ nmae }}", "{% if %}", "", "  ", "{% include 'x' %}"])(
    "refuses the template %j",
    async (message_template) => {
      const { segmentId } = await draftCampaign(backend);
      const refused = await backend.call("POST", "/api/v1/campaigns", { name: "x", segment_id: segmentId, message_template });
      expect([refused.status, refused.body.error.details[0].field]).toEqual([400, "message_template"]);
    },
  );

  test("is changed while it is a DRAFT, and counts its new segment", async () => {
    const { campaignId } = await draftCampaign(backend);
    const other = await draftCampaign(backend, 2000);
    const url = `/api/v1/campaigns/${campaignId}`;
    const changed = await backend.call("PATCH", url, { name: "New", segment_id: other.segmentId, message_template: "Hello" });
    expect(changed.body.data).toMatchObject({ name: "New", message_template: "Hello", stats: { audience: 2 } });
    expect((await backend.call("PATCH", url, { segment_id: "none" })).body.error.code).toBe("SEGMENT_NOT_FOUND");
    expect((await backend.call("PATCH", url, { message_template: "{{" })).status).toBe(400);
    expect((await backend.call("PATCH", "/api/v1/campaigns/none", { name: "x" })).body.error.code).toBe("CAMPAIGN_NOT_FOUND");
  });

  test("counts its segment anew while it is a DRAFT, alone and in the list", async () => {
    const { campaignId, segmentId } = await draftCampaign(backend);
    await backend.call("PATCH", `/api/v1/segments/${segmentId}`, { rule_ast: moreThan("total_spend", 4000) });
    expect(await stats(campaignId)).toMatchObject({ audience: 1, pending: 1 });
    const list = await backend.call("GET", "/api/v1/campaigns?limit=1");
    expect(list.body.data).toMatchObject([{ _id: campaignId, stats: { audience: 1 } }]);
    expect(list.body.pagination).toMatchObject({ page: 1, limit: 1 });
  });
});

describe("running a campaign", () => {
  test("answers as the walkthrough does, and freezes whom it goes to", async () => {
    const { campaignId, segmentId } = await draftCampaign(backend);
    const run = await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    expect([run.status, run.body]).toEqual([
      200,
      {
        success: true,
        message: `Campaign ${campaignId} triggered successfully`,
        data: { campaignId, totalLeads: 3, jobPublished: true },
      },
    ]);
    await backend.call("PATCH", `/api/v1/segments/${segmentId}`, { rule_ast: moreThan("total_spend", 0) });
    const { body } = await backend.call("GET", `/api/v1/campaigns/${campaignId}`);
    expect(body.data).toMatchObject({ status: "RUNNING", stats: { audience: 3, pending: 3 }, started_at: expect.any(String) });
    const campaign = await backend.store.campaigns.read(campaignId);
    expect(campaign?.frozen).toMatchObject({
      rule: moreThan("total_spend", 1000),
      variants: [{ name: "A", percent: 100, template: "Hi {{name}}, you spent ${{total_spend}}" }],
    });
  });

  test("is announced as JSON without a body, as the walkthrough calls it", async () => {
    const { campaignId } = await draftCampaign(backend);
    const run = await backend.app.inject({
      method: "POST",
      url: `/api/v1/campaigns/${campaignId}/run`,
      headers: { "content-type": "application/json" },
    });
    expect(run.statusCode).toBe(200);
  });

  test("twice, or by two at once, starts it once", async () => {
    const { campaignId } = await draftCampaign(backend);
    const url = `/api/v1/campaigns/${campaignId}/run`;
    const both = await Promise.all([backend.call("POST", url), backend.call("POST", url)]);
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 409]));
    const again = await backend.call("POST", url);
    expect([again.status, again.body.error.code]).toEqual([409, "CAMPAIGN_ALREADY_RUNNING"]);
  });

  test("with nobody in its segment is refused, and it stays a DRAFT", async () => {
    const { campaignId } = await draftCampaign(backend, 1_000_000);
    const refused = await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    expect([refused.status, refused.body.error.code]).toEqual([422, "CAMPAIGN_EMPTY_AUDIENCE"]);
    expect((await backend.call("GET", `/api/v1/campaigns/${campaignId}`)).body.data.status).toBe("DRAFT");
  });

  test("that does not exist is 404 CAMPAIGN_NOT_FOUND", async () => {
    const refused = await backend.call("POST", "/api/v1/campaigns/65a4b4eaf123456789de/run");
    expect([refused.status, refused.body.error.code]).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
    expect(refused.body.error.details).toBe("Campaign with ID 65a4b4eaf123456789de does not exist");
  });

  test("ends its days as a draft: it can be neither changed nor removed", async () => {
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    const change = await backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, { name: "x" });
    expect([change.status, change.body.error.code]).toEqual([409, "CAMPAIGN_NOT_EDITABLE"]);
    const removal = await backend.call("DELETE", `/api/v1/campaigns/${campaignId}`);
    expect([removal.status, removal.body.error.code]).toEqual([409, "CAMPAIGN_IN_PROGRESS"]);
  });
});

test("a campaign's figures are cumulative and its ledger adds up at every step", async () => {
  const { campaignId } = await draftCampaign(backend);
  await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
  const [first = "", second = "", third = ""] = await beginSending(backend, campaignId);
  const now = backend.clock.now();
  await receive(backend, first, "READ", now);
  await receive(backend, second, "SENT", now);
  expect(await stats(campaignId)).toEqual({ audience: 3, ...ZEROS, sent: 2, delivered: 1, read: 1, pending: 1 });
  await receive(backend, third, "FAILED", now);
  await receive(backend, second, "DELIVERED", now);
  expect(await stats(campaignId)).toEqual({ audience: 3, ...ZEROS, sent: 2, delivered: 2, read: 1, failed: 1, pending: 0 });
  const { body } = await backend.call("GET", "/api/v1/campaigns?status=COMPLETED");
  expect(body.data).toMatchObject([{ _id: campaignId, status: "COMPLETED", completed_at: expect.any(String) }]);
});
