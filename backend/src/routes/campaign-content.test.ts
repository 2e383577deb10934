import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "../test-backend.ts";
import { draftCampaign, FIVE_LEADS } from "../test-campaign.ts";
import { cloudChannel } from "../test-cloud.ts";

let backend: TestBackend;
let campaignId: string;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
  await cloudChannel(backend);
  ({ campaignId } = await draftCampaign(backend));
});
afterAll(() => backend.close());

const change = (body: object): Promise<Answer> => backend.call("PATCH", `/api/v1/campaigns/${campaignId}`, body);
const fieldsOf = ({ status, body }: Answer): unknown[] => [
  status,
  ...body.error.details.map(({ field }: { field: string }) => field),
];
const errorOf = ({ status, body }: Answer): unknown[] => [status, body.error.code];

describe("a campaign's channel", () => {
  test("is the default one, or one that there is", async () => {
    const { data } = (await backend.call("GET", `/api/v1/campaigns/${campaignId}`)).body;
    expect(data.channel_id).toBe("default");
    const { segment_id, message_template } = data;
    const own = await backend.call("POST", "/api/v1/campaigns", { name: "x", segment_id, message_template, channel_id: "shop" });
    expect([own.status, own.body.data.channel_id]).toEqual([201, "shop"]);
    expect(
      errorOf(await backend.call("POST", "/api/v1/campaigns", { name: "x", segment_id, message_template, channel_id: "none" })),
    ).toEqual([404, "CHANNEL_NOT_FOUND"]);
    expect((await change({ channel_id: "shop" })).body.data.channel_id).toBe("shop");
    expect((await change({ name: "Renamed" })).body.data.channel_id).toBe("shop");
    expect(errorOf(await change({ channel_id: "none" }))).toEqual([404, "CHANNEL_NOT_FOUND"]);
  });
});

describe("what a campaign's messages hold", () => {
  test("is media, buttons and a template, which come back as they were and can be taken away", async () => {
    const media = { kind: "image", link: "https://example.com/a.png" };
    const template = { name: "order_shipped", language: "en_US", parameters: [{ value: "{{name}}" }, { value: "tomorrow" }] };
    const { body } = await change({ media, buttons: ["Yes", "No"], template });
    const parameters = template.parameters.map(({ value }) => ({ name: null, value }));
    const shown = { media: { ...media, filename: null }, buttons: ["Yes", "No"], template: { ...template, parameters } };
    expect(body.data).toMatchObject(shown);
    expect((await change({ name: "As it was" })).body.data).toMatchObject(shown);
    const none = { media: null, buttons: [], template: null };
    expect((await change({ media: null, buttons: null, template: null })).body.data).toMatchObject(none);
  });

  test.each([
    [{ media: { kind: "image", link: "a.png" } }, ["media.link"]],
    [{ media: { kind: "image", link: "https://example.com/a.png", filename: "a.png" } }, ["media.filename"]],
    [{ media: { kind: "audio", link: "https://example.com/a.mp3" } }, ["media.kind"]],
    [{ buttons: ["1", "2", "3", "4"] }, ["buttons"]],
    [{ buttons: ["x".repeat(21)] }, ["buttons[0]"]],
    [{ buttons: ["Yes", "Yes"] }, ["buttons"]],
    [{ template: { name: "x" } }, ["template.language"]],
    [{ template: { name: "x", language: "en", parameters: [{ value: "{{nmae}}" }] } }, ["template.parameters[0].value"]],
    [
      { template: { name: "x", language: "en", parameters: [{ name: "a", value: "x" }, { value: "y" }] } },
      ["template.parameters"],
    ],
  ])("%j is refused at %j", async (body, fields) => {
    expect(fieldsOf(await change(body))).toEqual([400, ...fields]);
  });
});

test("a run that its channel cannot send is refused with the reason", async () => {
  await change({ channel_id: "shop", template: { name: "offer", language: "en_US" } });
  const refused = await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
  expect([errorOf(refused), refused.body.error.details]).toEqual([
    [409, "CHANNEL_REFUSED"],
    expect.stringContaining("The template offer (en_US) is not known"),
  ]);
  expect(errorOf(await backend.call("POST", `/api/v1/campaigns/${campaignId}/preflight`))).toEqual([409, "CHANNEL_REFUSED"]);
  const known = { channel_id: "shop", name: "offer", language: "en_US", category: "MARKETING", status: "APPROVED" };
  await backend.store.templates.replace("shop", [
    { ...known, header: null, body: "Hi", footer: null, buttons: [], synced_at: 0 },
  ]);
  const shown = await backend.call("POST", `/api/v1/campaigns/${campaignId}/preflight`);
  expect(shown.body.data).toMatchObject({
    by_template: 3,
    waterfall: { final: 3 },
    samples: [{ template: "offer", text: "Hi" }, {}, {}],
  });
  expect((await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`)).status).toBe(200);
});
