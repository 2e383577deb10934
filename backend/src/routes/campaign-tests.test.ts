import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "../test-backend.ts";
import { draftCampaign, FIVE_LEADS } from "../test-campaign.ts";

let backend: TestBackend;
let campaignId: string;
let leads: Record<string, string>;
beforeAll(async () => {
  backend = await openBackend();
  const others = [
    { name: "No Phone", total_spend: 2000 },
    { name: "Stopped", phones: ["+4930901820"], total_spend: 2000, consent: { state: "opted_out" } },
    { name: "Spent Nothing", phones: ["+4930901821"] },
  ];
  await backend.call("POST", "/api/v1/leads/bulk", { leads: [...FIVE_LEADS, ...others] });
  ({ campaignId } = await draftCampaign(backend));
  const { items } = await backend.store.leads.list({
    page: 1,
    limit: 100,
    rule: null,
    sort: { by: "created_at", direction: "asc" },
    now: backend.clock.now(),
  });
  leads = Object.fromEntries(items.map(({ name, _id }) => [name, _id]));
});
afterAll(() => backend.close());

const send = (body: object, id = campaignId): Promise<Answer> => backend.call("POST", `/api/v1/campaigns/${id}/test`, body);
const errorOf = ({ status, body }: Answer): unknown[] => [status, body.error.code];

test("a test goes to the numbers that are named, with the data of the segment's first lead", async () => {
  const sent = await send({ to: ["+49 30 901829", "0049 30 901828", "+49 (0)30 901829"] });
  expect(sent.status).toBe(202);
  expect(sent.body.data.tests).toMatchObject([
    {
      test: true,
      phone: "+4930901829",
      status: "PENDING",
      variant: "A",
      text: "Hi John Doe, you spent $1500",
      lead_id: leads["John Doe"],
    },
    { phone: "+4930901828" },
  ]);
  const list = await backend.call("GET", `/api/v1/campaigns/${campaignId}/tests?limit=1`);
  expect(list.body.data).toMatchObject({ tests: [sent.body.data.tests[1]], pagination: { total: 2, totalPages: 2 } });
  const { body } = await backend.call("GET", `/api/v1/campaigns/${campaignId}`);
  expect(body.data).toMatchObject({ status: "DRAFT", stats: { sent: 0 } });
});

test("a test shows one lead's data, and goes to its own number where no other is named", async () => {
  const own = await send({ lead_id: leads["Bob Smith"] });
  expect(own.body.data.tests).toMatchObject([{ phone: "+1234567892", text: "Hi Bob Smith, you spent $2200" }]);
  const other = await send({ lead_id: leads["Stopped"], to: ["+4930901829"] });
  expect(other.body.data.tests).toMatchObject([{ phone: "+4930901829", text: "Hi Stopped, you spent $2000" }]);
});

test("a test shows the text that the lead would be sent, or the one that is named", async () => {
  const { campaignId: id } = await draftCampaign(backend);
  const variants = [
    { name: "A", percent: 40, message_template: "A {{name}}" },
    { name: "B", percent: 60, message_template: "B {{name}}" },
  ];
  await backend.call("PATCH", `/api/v1/campaigns/${id}`, { variants });
  for (const { name } of variants) {
    expect((await send({ lead_id: leads["Bob Smith"], variant: name }, id)).body.data.tests).toMatchObject([
      { variant: name, text: `${name} Bob Smith` },
    ]);
  }
  const token = (await backend.call("POST", `/api/v1/campaigns/${id}/preflight`)).body.data.samples;
  const his = token.find(({ lead_id }: { lead_id: string }) => lead_id === leads["Bob Smith"]);
  expect((await send({ lead_id: leads["Bob Smith"] }, id)).body.data.tests).toMatchObject([
    { variant: his.variant, text: his.text },
  ]);
  const refused = await send({ lead_id: leads["Bob Smith"], variant: "C" }, id);
  expect(refused.body.error.details).toMatchObject([{ field: "variant", message: expect.stringContaining("A, B") }]);
});

test("a test is refused where nobody could get it, or it could not be sent", async () => {
  expect(errorOf(await send({}))).toEqual([400, "VALIDATION_FAILED"]);
  expect((await send({ to: ["+4930901829", "030 901820"] })).body.error.details).toMatchObject([
    { field: "to[1]", rule: "phone" },
  ]);
  expect(errorOf(await send({ to: [] }))).toEqual([400, "VALIDATION_FAILED"]);
  expect(errorOf(await send({ to: ["+4930901829"] }, "none"))).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
  expect(errorOf(await send({ lead_id: "none" }))).toEqual([404, "LEAD_NOT_FOUND"]);
  expect(errorOf(await send({ lead_id: leads["No Phone"] }))).toEqual([422, "TEST_WITHOUT_PHONE"]);
  expect(errorOf(await send({ lead_id: leads["Stopped"] }))).toEqual([409, "TEST_TO_OPTED_OUT"]);
  expect(errorOf(await send({ to: ["+4930901829", "+4930901820"] }))).toEqual([409, "TEST_TO_OPTED_OUT"]);
  const blank = await send({ lead_id: leads["Spent Nothing"] });
  expect([errorOf(blank), blank.body.error.details]).toEqual([
    [422, "TEST_NOT_RENDERED"],
    `For lead ${leads["Spent Nothing"]}: Nothing is known for {{ total_spend }}: give it a default, or another \`lead_id\``,
  ]);
  const empty = await draftCampaign(backend, 1_000_000);
  expect(errorOf(await send({ to: ["+4930901829"] }, empty.campaignId))).toEqual([422, "TEST_WITHOUT_LEAD"]);
  expect((await backend.call("GET", "/api/v1/campaigns/none/tests")).status).toBe(404);
});
