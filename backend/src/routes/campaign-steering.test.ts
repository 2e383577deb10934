import { afterEach, beforeEach, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";

let backend: TestBackend;
beforeEach(async () => {
  backend = await openBackend();
});
afterEach(() => backend.close());

const NOBODY = "0123456789abcdef01234567";

async function runningCampaign(): Promise<string> {
  await backend.call("POST", "/api/v1/leads", { name: "Ann", phones: ["+14155550101"] });
  const rule_ast = { type: "comparison", operator: "EXISTS", left: { type: "field", value: "name" } };
  const segment = await backend.call("POST", "/api/v1/segments", { name: "All", rule_ast });
  const campaign = await backend.call("POST", "/api/v1/campaigns", {
    name: "Hello",
    segment_id: segment.body.data._id,
    message_template: "Hi {{name}}!",
  });
  const id: string = campaign.body.data._id;
  expect((await backend.call("POST", `/api/v1/campaigns/${id}/run`)).status).toBe(200);
  return id;
}

test("a running campaign is paused, resumed and cancelled, each as often as anybody asks", async () => {
  const id = await runningCampaign();
  for (const [command, status] of [
    ["pause", "PAUSED"],
    ["pause", "PAUSED"],
    ["resume", "RUNNING"],
    ["resume", "RUNNING"],
    ["cancel", "CANCELLED"],
    ["cancel", "CANCELLED"],
  ]) {
    const answer = await backend.call("POST", `/api/v1/campaigns/${id}/${command}`);
    expect([answer.status, answer.body.data.status], command).toEqual([200, status]);
  }
});

test("what makes no sense is refused with the reason", async () => {
  const id = await runningCampaign();
  await backend.call("POST", `/api/v1/campaigns/${id}/cancel`);
  const answer = await backend.call("POST", `/api/v1/campaigns/${id}/resume`);
  expect(answer.status).toBe(409);
  expect(answer.body.error).toEqual({
    message: "The campaign cannot be resumed",
    code: "CAMPAIGN_NOT_RESUMABLE",
    details: "It is CANCELLED, and only a PAUSED campaign can be resumed",
  });
  expect((await backend.call("POST", `/api/v1/campaigns/${id}/run`)).status).toBe(409);
});

test.each(["pause", "resume", "cancel"])("to %s a campaign that does not exist is 404", async (command) => {
  const answer = await backend.call("POST", `/api/v1/campaigns/${NOBODY}/${command}`);
  expect([answer.status, answer.body.error.code]).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
});
