import { afterAll, beforeAll, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, receive } from "../test-campaign.ts";

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
});
afterAll(() => backend.close());

test("a campaign's texts are compared by what became of them", async () => {
  const leads = Array.from({ length: 200 }, (_, index) => {
    return { name: `Lead ${index}`, phones: [`+1415555${1000 + index}`], total_spend: 2000 };
  });
  await backend.call("POST", "/api/v1/leads/bulk", { leads });
  const { campaignId } = await draftCampaign(backend);
  const variants = ["A", "B"].map((name) => ({ name, percent: 50, message_template: `${name} {{name}}` }));
  const url = `/api/v1/campaigns/${campaignId}`;
  await backend.call("PATCH", url, { variants });
  expect((await backend.call("GET", `${url}/variants`)).body.data.variants).toMatchObject([
    { name: "A", figures: { messages: 0 }, shares: null, differences: null },
    { name: "B", figures: { messages: 0 }, shares: null, differences: null },
  ]);

  await backend.call("POST", `${url}/run`);
  const ids = await beginSending(backend, campaignId);
  const now = backend.clock.now();
  const messages = await Promise.all(ids.map((id) => backend.store.messages.read(id)));
  const texts = [0, 1].map((variant) => messages.filter((message) => message?.variant === variant));
  const [ofA = [], ofB = []] = texts.map((of) => of.map((message) => message?._id ?? ""));
  for (const id of ids) await receive(backend, id, "DELIVERED", now);
  for (const id of ofB) await receive(backend, id, "READ", now);
  const [first = null] = messages.filter((message) => message?.variant === 1);
  const answer = { version: 1, channel_id: "default", from: first?.phone ?? "", name: null, at: now + 1_000 } as const;
  await backend.bus.commit([
    { step: "hear", input: { texts: [{ ...answer, provider_id: "in-1", text: "Stop" }], now: now + 1_000 } },
  ]);

  const { data } = (await backend.call("GET", `${url}/variants`)).body;
  expect(data.variants.map(({ figures }: { figures: object }) => figures)).toEqual([
    { messages: ofA.length, delivered: ofA.length, read: 0, replied: 0, opted_out: 0, failed: 0 },
    { messages: ofB.length, delivered: ofB.length, read: ofB.length, replied: 1, opted_out: 1, failed: 0 },
  ]);
  expect(ofA.length + ofB.length).toBe(200);
  const shares = data.variants.flatMap(({ shares: of }: { shares: object }) => Object.values(of));
  for (const { value, low, high } of shares)
    for (const share of [value, low, high]) expect(String(share)).toMatch(/^-?\d(\.\d{1,4})?$/);
  expect(data.variants[1].shares.opted_out.value).toBe(Math.round(10_000 / ofB.length) / 10_000);
  const shown = await backend.call("GET", `/api/v1/delivery/campaign/${campaignId}?limit=200`);
  const named = shown.body.data.deliveryLogs.map(({ variant }: { variant: string }) => variant);
  expect(named).toEqual(messages.map((message) => (message?.variant === 0 ? "A" : "B")));
  const one = await backend.call("GET", `/api/v1/messages/${ofB[0]}`);
  const lead = await backend.call("GET", `/api/v1/leads/${one.body.data.lead_id}`);
  expect([one.body.data.variant, lead.body.data.messages.map(({ variant }: { variant: string }) => variant)]).toEqual([
    "B",
    ["B"],
  ]);
  expect(data.variants[1].differences.read.verdict).toMatch(/^B is read more often than A: \+100\.0 points/);
  expect(data.variants[1].differences.opted_out.verdict).toMatch(/cannot be told apart/);
  expect((await backend.call("GET", "/api/v1/campaigns/none/variants")).status).toBe(404);
});
