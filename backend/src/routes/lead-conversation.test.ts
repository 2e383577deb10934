import { WINDOW_MS } from "@mini-crm/core/channel/window";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "../test-backend.ts";
import { beginSending, draftCampaign, receive } from "../test-campaign.ts";
import { cloudChannel, numberNews, postNews, textNews, workThrough } from "../test-cloud.ts";

let backend: TestBackend;
let passedMs = 0;
/** By name. */
const leads: Record<string, string> = {};
beforeAll(async () => {
  const engines = await openBackend();
  // Its clock can be turned on: what the store is told of time comes from there.
  const clock = { ...engines.clock, now: () => engines.clock.now() + passedMs };
  const { store, bus, vault } = engines;
  const own = await openBackend({ store, bus, vault, clock });
  const close = async () => {
    await own.close();
    await engines.close();
  };
  backend = { ...own, store, bus, clock, close };
  await cloudChannel(backend);
  for (const [name, phones] of [
    ["Ana", ["+4930901840", "+4930901841"]],
    ["Bo", ["+4930901842"]],
    ["Cy", ["+4930901843"]],
    ["Di", ["+4930901844"]],
    ["Nobody", []],
  ] as const) {
    const { body } = await backend.call("POST", "/api/v1/leads", { name, phones, total_spend: 5_000 });
    leads[name] = body.data._id;
  }
});
afterAll(() => backend.close());

const reply = (name: string, body: object): Promise<Answer> =>
  backend.call("POST", `/api/v1/leads/${leads[name]}/messages`, body);
const timeline = async (name: string, query = "") =>
  (await backend.call("GET", `/api/v1/leads/${leads[name]}/timeline${query}`)).body.data;
const errorOf = ({ status, body }: Answer): unknown[] => [status, body.error.code];

/** Has the holder of `phone` write `text` to the channel shop now. */
async function write(phone: string, text: string): Promise<void> {
  await postNews(backend, textNews(phone.slice(1), text, backend.clock.now(), `wamid.${phone}.${text}`));
  await workThrough(backend);
}

describe("a reply", () => {
  test("goes over the default channel to the lead's first number, and nothing in it is filled in", async () => {
    const sent = await reply("Bo", { text: "Hello {{name}}" });
    expect([sent.status, sent.body.data]).toMatchObject([
      202,
      {
        channel_id: "default",
        phone: "+4930901842",
        text: "Hello {{name}}",
        media: null,
        status: "PENDING",
        lead_id: leads["Bo"],
      },
    ]);
    const [stored] = await backend.store.direct.ofLead(leads["Bo"] ?? "", 10);
    expect(stored).toMatchObject({
      _id: sent.body.data._id,
      campaign_id: null,
      variant: null,
      content: { text: "Hello {{name}}" },
    });
    expect(await backend.bus.lag("message.direct", "nobody")).toBeGreaterThan(0);
  });

  test("over the Cloud API waits for the lead to write", async () => {
    const refused = await reply("Cy", { text: "Hello", channel_id: "shop" });
    expect([errorOf(refused), refused.body.error.details]).toEqual([
      [409, "WINDOW_CLOSED"],
      "They have never written to the channel shop: only an approved template may be sent, by a campaign with a `template`",
    ]);
  });

  test("goes to the channel and the number that the lead last wrote from, for 24 hours", async () => {
    await write("+4930901841", "Do you deliver?");
    const sent = await reply("Ana", { text: "We do" });
    expect([sent.status, sent.body.data]).toMatchObject([202, { channel_id: "shop", phone: "+4930901841" }]);
    expect((await timeline("Ana")).windows).toEqual([{ channel_id: "shop", open_until: expect.any(String) }]);
    passedMs += WINDOW_MS;
    const refused = await reply("Ana", { text: "We still do" });
    expect([errorOf(refused), refused.body.error.details]).toEqual([
      [409, "WINDOW_CLOSED"],
      expect.stringMatching(/^Closed since \d{4}-.*Z, 24 hours after their last message: only an approved template/),
    ]);
    expect((await timeline("Ana")).windows).toEqual([{ channel_id: "shop", open_until: null }]);
    expect((await reply("Ana", { text: "We still do", channel_id: "default" })).status).toBe(202);
  });

  test("can have an image or a document with it", async () => {
    const media = { kind: "document", link: "https://example.com/offer.pdf", filename: "Offer.pdf" };
    expect((await reply("Bo", { text: "Our offer", media })).body.data.media).toEqual(media);
    for (const [body, field] of [
      [{ text: "x", media: { ...media, link: "offer.pdf" } }, "media.link"],
      [{ text: "x", media: { ...media, kind: "image" } }, "media.filename"],
      [{ text: "x", media: { ...media, kind: "video" } }, "media.kind"],
      [{ text: "x".repeat(1_025), media }, "text"],
      [{ text: "x".repeat(4_097) }, "text"],
      [{ text: " " }, "text"],
      [{}, "text"],
    ] as const) {
      const refused = await reply("Bo", body);
      expect([refused.status, refused.body.error.details[0].field]).toEqual([400, field]);
    }
  });

  test("is refused where nobody could get it", async () => {
    expect(errorOf(await reply("Nobody", { text: "x" }))).toEqual([409, "LEAD_WITHOUT_PHONE"]);
    expect(errorOf(await reply("Bo", { text: "x", channel_id: "none" }))).toEqual([404, "CHANNEL_NOT_FOUND"]);
    expect(errorOf(await backend.call("POST", "/api/v1/leads/none/messages", { text: "x" }))).toEqual([404, "LEAD_NOT_FOUND"]);
  });
});

describe("a lead's timeline", () => {
  test("has what campaigns sent, what was replied and what came, newest first", async () => {
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    const sent = await beginSending(backend, campaignId);
    const message = sent.find((id) => id.endsWith(leads["Di"] ?? "-"));
    if (message === undefined) throw new Error("Nothing went to Di");
    passedMs += 60_000;
    await receive(backend, message, "DELIVERED", backend.clock.now());
    await write("+4930901844", "What is that?");
    passedMs += 60_000;
    await reply("Di", { text: "An offer" });

    const { entries } = await timeline("Di");
    expect(entries).toMatchObject([
      { kind: "reply", text: "An offer", status: "PENDING", channel_id: "shop", phone: "+4930901844", campaign_id: null },
      { kind: "inbound", text: "What is that?", status: "RECEIVED", channel_id: "shop", wish: null },
      {
        kind: "campaign",
        _id: message,
        status: "DELIVERED",
        channel_id: "default",
        campaign_id: campaignId,
        delivered_at: expect.any(String),
      },
    ]);
    const times = entries.map(({ at }: { at: string }) => at);
    expect(times).toEqual([...times].sort((a, b) => Date.parse(b) - Date.parse(a)));
    expect((await timeline("Di", "?limit=2")).entries).toEqual(entries.slice(0, 2));
    expect((await backend.call("GET", "/api/v1/leads/none/timeline")).status).toBe(404);
    for (const limit of ["0", "201", "x"]) {
      expect((await backend.call("GET", `/api/v1/leads/${leads["Di"]}/timeline?limit=${limit}`)).status).toBe(400);
    }
  });

  test("shows a press on WhatsApp's own controls as the wish that it is", async () => {
    const errors = [{ code: 131050, title: "User has stopped marketing messages" }];
    const stopped = { id: "wamid.9", status: "failed", timestamp: String(Math.floor(backend.clock.now() / 1_000)), errors };
    const statuses = [{ ...stopped, recipient_id: "4930901843", biz_opaque_callback_data: "x" }];
    await postNews(backend, numberNews({ statuses }));
    await workThrough(backend);
    const { entries, windows } = await timeline("Cy");
    expect(entries[0]).toMatchObject({ kind: "inbound", wish: "stop", status: "RECEIVED" });
    // They have written nothing that could be answered.
    expect(windows).toEqual([{ channel_id: "shop", open_until: null }]);
  });
});
