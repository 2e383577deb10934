import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, FIVE_LEADS, receive } from "../test-campaign.ts";

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
});
afterAll(() => backend.close());

describe("a campaign's delivery", () => {
  test("counts sent and delivered cumulatively, and shows each message", async () => {
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    const [first = "", second = ""] = await beginSending(backend, campaignId);
    const now = backend.clock.now();
    await receive(backend, first, "DELIVERED", now);
    await receive(backend, second, "SENT", now);

    const url = `/api/v1/delivery/campaign/${campaignId}`;
    const { body } = await backend.call("GET", url);
    expect(body.data).toMatchObject({ campaignId, totalMessages: 3, pagination: { page: 1, total: 3 } });
    expect(body.data.statusBreakdown).toEqual({
      SENT: 2,
      DELIVERED: 1,
      READ: 0,
      FAILED: 0,
      SKIPPED: 0,
      UNCERTAIN: 0,
      CANCELLED: 0,
      PENDING: 1,
    });
    expect(body.data.deliveryLogs).toHaveLength(3);
    expect(body.data.deliveryLogs[0]).toMatchObject({
      _id: first,
      lead_id: first.slice(24),
      status: "DELIVERED",
      attempt: 1,
      phone: "+1234567890",
      text: `Text of ${first}`,
      created_at: expect.any(String),
      delivered_at: new Date(now).toISOString(),
    });

    const delivered = await backend.call("GET", `${url}?status=DELIVERED`);
    expect(delivered.body.data.deliveryLogs.map(({ _id }: { _id: string }) => _id)).toEqual([first]);
    expect(delivered.body.data.pagination.total).toBe(1);
    const paged = await backend.call("GET", `${url}?limit=2&page=2`);
    expect(paged.body.data.deliveryLogs).toHaveLength(1);

    const message = await backend.call("GET", `/api/v1/messages/${first}`);
    const { history, ...shown } = message.body.data;
    expect(shown).toEqual(body.data.deliveryLogs[0]);
    expect(history.map(({ status }: { status: string }) => status)).toEqual(["PENDING", "SENDING", "DELIVERED"]);
  });

  test("of a DRAFT has no messages yet", async () => {
    const { campaignId } = await draftCampaign(backend);
    const { body } = await backend.call("GET", `/api/v1/delivery/campaign/${campaignId}`);
    expect(body.data).toMatchObject({ totalMessages: 0, statusBreakdown: { PENDING: 0 }, deliveryLogs: [] });
  });

  test("has everyone as pending while the audience is being written down", async () => {
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    const { body } = await backend.call("GET", `/api/v1/delivery/campaign/${campaignId}`);
    expect(body.data).toMatchObject({ totalMessages: 3, statusBreakdown: { PENDING: 3 }, deliveryLogs: [] });
  });

  test("of an unknown campaign is 404, and an unknown status is 400", async () => {
    expect((await backend.call("GET", "/api/v1/delivery/campaign/none")).body.error.code).toBe("CAMPAIGN_NOT_FOUND");
    expect((await backend.call("GET", "/api/v1/delivery/campaign/none?status=LOST")).status).toBe(400);
  });
});

test.each(["none", "0".repeat(48), "__proto__", "a".repeat(5000)])("the message %s is 404 MESSAGE_NOT_FOUND", async (id) => {
  const { status, body } = await backend.call("GET", `/api/v1/messages/${id}`);
  expect([status, body.error.code]).toEqual([404, "MESSAGE_NOT_FOUND"]);
  expect(body.error.details.length).toBeLessThan(200);
});
