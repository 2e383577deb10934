import { describe, expect, test } from "vitest";
import { type Channel, defaultChannel } from "../channel/channel.ts";
import type { WhatsAppTemplate } from "../channel/template.ts";
import { contentOf } from "./content.ts";
import { type CampaignOptions, type CampaignTemplate, NO_OPTIONS } from "./options.ts";

const CLOUD: Channel["settings"] = {
  kind: "cloud",
  cloud: { phone_number_id: "1", business_account_id: "2", base_url: "https://graph.facebook.com", api_version: "v23.0" },
};
const WEB: Channel["settings"] = { kind: "web", web: { pause_seconds: { from: 5, to: 30 }, warm_up: true } };
const OFFER: WhatsAppTemplate = {
  channel_id: "shop",
  name: "offer",
  language: "en_US",
  category: "MARKETING",
  status: "APPROVED",
  header: null,
  body: "Dear {{1}}, {{2}}",
  footer: null,
  buttons: [],
  synced_at: 0,
};
const asked: CampaignTemplate = {
  name: "offer",
  language: "en_US",
  parameters: [
    { name: null, value: "{{name}}" },
    { name: null, value: "hello" },
  ],
};
const IMAGE = { kind: "image" as const, link: "https://example.org/a.png", filename: null };

function contentFor(options: Partial<CampaignOptions>, settings = CLOUD, known: WhatsAppTemplate | null = OFFER) {
  const channel = { ...defaultChannel(0), _id: "shop", settings };
  return contentOf(
    {
      channels: { read: async (id: string) => (id === "shop" ? channel : null) } as never,
      templates: { read: async () => known } as never,
    },
    { channel_id: "shop", options: { ...NO_OPTIONS, ...options } },
  );
}
const refusal = async (...args: Parameters<typeof contentFor>) => {
  const checked = await contentFor(...args);
  return checked.ok ? null : checked.reason;
};

test("a campaign without a template can go over every kind of channel", async () => {
  for (const settings of [{ kind: "simulator" } as const, CLOUD, WEB]) {
    expect(await contentFor({ media: IMAGE }, settings)).toMatchObject({ ok: true, content: { media: IMAGE, template: null } });
  }
});

test("an approved template is held fast with its words", async () => {
  expect(await contentFor({ template: asked })).toMatchObject({
    ok: true,
    content: { template: { ...asked, body: "Dear {{1}}, {{2}}" } },
  });
});

describe("a campaign is refused, in words", () => {
  test.each<[what: string, args: Parameters<typeof contentFor>, reason: RegExp]>([
    ["with buttons over WhatsApp Web", [{ buttons: ["Yes"] }, WEB], /cannot have buttons/],
    ["with a template over WhatsApp Web", [{ template: asked }, WEB], /knows no templates/],
    ["whose template nobody knows", [{ template: asked }, CLOUD, null], /offer \(en_US\) is not known/],
    ["whose template is not approved", [{ template: asked }, CLOUD, { ...OFFER, status: "PAUSED" }], /is PAUSED/],
    [
      "that gives too few parameters",
      [{ template: { ...asked, parameters: [] } }],
      /has the parameters \{\{1\}\}, \{\{2\}\}, and the campaign gives none/,
    ],
    [
      "that calls parameters otherwise",
      [{ template: asked }, CLOUD, { ...OFFER, body: "{{first}} {{last}}" }],
      /\{\{first\}\}, \{\{last\}\}, and the campaign gives \{\{1\}\}, \{\{2\}\}/,
    ],
    ["with an image where the template has none", [{ template: asked, media: IMAGE }], /has no media in its header/],
    [
      "without the image that the template begins with",
      [{ template: asked }, CLOUD, { ...OFFER, header: { format: "IMAGE" } }],
      /image/,
    ],
    [
      "with an image for a document",
      [{ template: asked, media: IMAGE }, CLOUD, { ...OFFER, header: { format: "DOCUMENT" } }],
      /document/,
    ],
    [
      "whose template has a parameter in its header",
      [{ template: asked }, CLOUD, { ...OFFER, header: { format: "TEXT", text: "For {{1}}" } }],
      /parameter in its header/,
    ],
    ["whose template is for codes", [{ template: asked }, CLOUD, { ...OFFER, category: "AUTHENTICATION" }], /one-time codes/],
    ["with a header that cannot be sent", [{ template: asked }, CLOUD, { ...OFFER, header: { format: "VIDEO" } }], /VIDEO/],
  ])("%s", async (_what, args, reason) => {
    expect(await refusal(...args)).toMatch(reason);
  });

  test("whose channel has gone", async () => {
    const none = { read: async () => null } as never;
    const checked = await contentOf({ channels: none, templates: none }, { channel_id: "gone", options: { ...NO_OPTIONS } });
    expect(checked).toEqual({ ok: false, reason: expect.stringContaining("channel gone is not there") });
  });
});
