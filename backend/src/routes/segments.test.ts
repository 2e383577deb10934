import { COMPARISON_OPERATORS } from "@mini-crm/core/segment/rule";
import { RULE_OPERATORS } from "@mini-crm/wire/segment";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { draftCampaign, FIVE_LEADS, moreThan } from "../test-campaign.ts";

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
});
afterAll(() => backend.close());

const rule = moreThan("total_spend", 1000);

describe("a segment", () => {
  test("is created, shown, changed and removed", async () => {
    const created = await backend.call("POST", "/api/v1/segments", { name: "High Value", owner_user_id: "ana", rule_ast: rule });
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      success: true,
      data: {
        _id: expect.stringMatching(/^[0-9a-f]{24}$/),
        name: "High Value",
        owner_user_id: "ana",
        rule_ast: rule,
        created_at: expect.any(String),
        updated_at: expect.any(String),
      },
    });
    const url = `/api/v1/segments/${created.body.data._id}`;
    expect((await backend.call("GET", url)).body).toEqual(created.body);

    const changed = await backend.call("PATCH", url, { name: "Higher", rule_ast: moreThan("total_spend", 2000) });
    expect(changed.body.data).toMatchObject({ name: "Higher", owner_user_id: "ana", rule_ast: moreThan("total_spend", 2000) });

    expect((await backend.call("DELETE", url)).body.data).toEqual({ _id: created.body.data._id, removed: true });
    expect((await backend.call("GET", url)).body.error).toEqual({
      message: "Segment not found",
      code: "SEGMENT_NOT_FOUND",
      details: `Segment with ID ${created.body.data._id} does not exist`,
    });
  });

  test("belongs to admin where nobody is named", async () => {
    const { body } = await backend.call("POST", "/api/v1/segments", { name: "x", rule_ast: rule });
    expect(body.data.owner_user_id).toBe("admin");
  });

  test("cannot be removed while a campaign that is not finished uses it", async () => {
    const { segmentId, campaignId } = await draftCampaign(backend);
    const refused = await backend.call("DELETE", `/api/v1/segments/${segmentId}`);
    expect([refused.status, refused.body.error.code]).toEqual([409, "SEGMENT_IN_USE"]);
    expect(refused.body.error.details).toContain(campaignId);
    await backend.call("DELETE", `/api/v1/campaigns/${campaignId}`);
    expect((await backend.call("DELETE", `/api/v1/segments/${segmentId}`)).status).toBe(200);
  });

  test("keeps its rule when a change is refused", async () => {
    const created = await backend.call("POST", "/api/v1/segments", { name: "x", rule_ast: rule });
    const url = `/api/v1/segments/${created.body.data._id}`;
    expect((await backend.call("PATCH", url, { rule_ast: { op: "XOR", children: [] } })).status).toBe(400);
    expect((await backend.call("GET", url)).body.data.rule_ast).toEqual(rule);
  });
});

test("the list has the newest segment first, in pages", async () => {
  const { body } = await backend.call("POST", "/api/v1/segments", { name: "newest", rule_ast: rule });
  const list = await backend.call("GET", "/api/v1/segments?limit=1");
  expect(list.body.data).toEqual([body.data]);
  expect(list.body.pagination).toMatchObject({ page: 1, limit: 1 });
  expect(list.body.pagination.total).toBe(list.body.pagination.totalPages);
});

describe("a preview", () => {
  test("counts and shows who matches, in the order of their creation", async () => {
    const { status, body } = await backend.call("POST", "/api/v1/segments/preview", { rule_ast: rule });
    expect([status, body.data.count]).toEqual([200, 3]);
    expect(body.data.sample).toMatchObject([
      { _id: expect.any(String), name: "John Doe", total_spend: 1500, visits: 8 },
      { name: "Bob Smith", total_spend: 2200, visits: 12 },
      { name: "David Brown", total_spend: 4500, visits: 20 },
    ]);
    expect(body.data).not.toHaveProperty("explain");
  });

  test("of the nested rule of the walkthrough finds three", async () => {
    const email = {
      type: "comparison",
      operator: "IN",
      left: { type: "field", value: "emails" },
      right: { type: "literal", value: ["john.doe@example.com"] },
    };
    const big = { op: "AND", children: [moreThan("total_spend", 2000), { ...moreThan("visits", 10), operator: ">=" }] };
    const { body } = await backend.call("POST", "/api/v1/segments/preview", { rule_ast: { op: "OR", children: [big, email] } });
    expect(body.data.count).toBe(3);
  });

  test("shows as many as it is asked for, down to none", async () => {
    const { body } = await backend.call("POST", "/api/v1/segments/preview", { rule_ast: rule, limit: 0 });
    expect(body.data).toEqual({ count: 3, sample: [] });
  });

  test("explains itself where it is asked to", async () => {
    const { body } = await backend.call("POST", "/api/v1/segments/preview?explain=true", { rule_ast: rule });
    expect(JSON.stringify(body.data.explain.mongodb)).toContain("total_spend");
    expect(body.data.explain).toMatchObject({
      engine: "sqlite",
      query: expect.stringContaining("total_spend"),
      plan: [expect.any(String)],
    });
  });
});

test("the wire names the operators that the rule language has", () => {
  expect(RULE_OPERATORS).toEqual(COMPARISON_OPERATORS);
});
