import { afterEach, describe, expect, test, vi } from "vitest";
import type { Json } from "./json.ts";
import { NUMBER, startTestTwin, type TestTwin } from "./test-twin.ts";
import type { TwinTemplate } from "./twin.ts";

const WELCOME: TwinTemplate = {
  name: "welcome",
  language: "en_US",
  category: "MARKETING",
  components: [
    { type: "HEADER", format: "IMAGE" },
    { type: "BODY", text: "Hi {{1}}, your code is {{2}}. Bye {{1}}!" },
    { type: "FOOTER", text: "Lucky Shrub" },
    { type: "BUTTONS", buttons: [{ type: "QUICK_REPLY", text: "Stop" }] },
  ],
};
const NAMED: TwinTemplate = {
  name: "named",
  language: "de",
  category: "UTILITY",
  components: [
    { type: "HEADER", format: "TEXT", text: "For {{who}}" },
    { type: "BODY", text: "{{greeting}} {{who}}" },
  ],
};

let it: TestTwin;
afterEach(() => it.close());

const image = { type: "header", parameters: [{ type: "image", image: { link: "https://example.com/a.png" } }] };
const body = (...texts: string[]) => ({ type: "body", parameters: texts.map((text) => ({ type: "text", text })) });
const named = (type: string, values: Record<string, string>) => ({
  type,
  parameters: Object.entries(values).map(([parameter_name, text]) => ({ type: "text", parameter_name, text })),
});

function send(name: string, language: string, components: Json[]) {
  return it.graph("POST", `${NUMBER.phoneNumberId}/messages`, {
    messaging_product: "whatsapp",
    to: "+4915112345678",
    type: "template",
    template: { name, language: { code: language }, components },
    biz_opaque_callback_data: "m",
  });
}

const outbox = () => it.twin.controls.outbox({ page: 1, limit: 10 }).items;

describe("a template message", () => {
  test("says what the template reads like with its values, and the outbox notes both", async () => {
    it = await startTestTwin({ templates: [WELCOME] });
    const { status, body: said } = await send("welcome", "en_US", [image, body("Ana", "$1")]);
    expect([status, said]).toMatchObject([200, { messages: [{ message_status: "accepted" }] }]);
    expect(outbox()).toMatchObject([
      {
        text: "Hi Ana, your code is $1. Bye Ana!",
        media: { kind: "image", link: "https://example.com/a.png" },
        buttons: ["Stop"],
        template: {
          name: "welcome",
          language: "en_US",
          parameters: [
            { name: null, text: "Ana" },
            { name: null, text: "$1" },
          ],
        },
      },
    ]);
  });

  test("may have named parameters, in any order", async () => {
    it = await startTestTwin({ templates: [NAMED] });
    const components = [named("header", { who: "Ana" }), named("body", { who: "Ana", greeting: "Hallo" })];
    expect((await send("named", "de", components)).status).toBe(200);
    expect(outbox()).toMatchObject([{ text: "Hallo Ana" }]);
  });

  test.each<[number, number, string, string, Json[], string]>([
    [132001, 404, "welcome", "fr", [], "does not exist in fr"],
    [132001, 404, "unknown", "en_US", [], "unknown"],
    [132000, 400, "welcome", "en_US", [image, body("Ana")], "body: number of localizable_params (1) does not match"],
    [132000, 400, "welcome", "en_US", [image, body("Ana", "1", "2")], "expected number of params (2)"],
    [132012, 400, "welcome", "en_US", [body("Ana", "1")], "header: Format mismatch, expected IMAGE, received UNKNOWN"],
    [132012, 400, "welcome", "en_US", [{ type: "header", parameters: [{ type: "text", text: "x" }] }, body("Ana", "1")], "TEXT"],
    [132018, 400, "welcome", "en_US", [image, body("Ana\nB", "1")], "new-line/tab"],
    [132018, 400, "welcome", "en_US", [image, body("Ana     B", "1")], "4 consecutive spaces"],
    [131008, 400, "welcome", "en_US", [image, body("", "1")], "missing text value"],
    [132005, 400, "welcome", "en_US", [image, body("x".repeat(600), "1")], "1024"],
    [100, 400, "named", "de", [named("header", { who: "Ana" }), body("Ana", "Hallo")], "Parameter name"],
  ])("is refused by %i with HTTP %i: %s in %s", async (code, status, name, language, components, details) => {
    it = await startTestTwin({ templates: [WELCOME, NAMED] });
    const error_data = { messaging_product: "whatsapp", details: expect.stringContaining(details) };
    expect(await send(name, language, components)).toMatchObject({ status, body: { error: { code, error_data } } });
    expect(outbox()).toEqual([]);
  });

  test.each([
    ["PENDING", 132001],
    ["REJECTED", 132001],
    ["PAUSED", 132015],
    ["DISABLED", 132016],
  ])("is refused while its template is %s, by %i", async (status, code) => {
    it = await startTestTwin({ templates: [{ ...WELCOME, status }] });
    expect((await send("welcome", "en_US", [image, body("Ana", "1")])).body).toMatchObject({ error: { code } });
  });

  test("of another business account is unknown", async () => {
    it = await startTestTwin({ templates: [{ ...WELCOME, businessAccountId: "999" }] });
    expect((await send("welcome", "en_US", [image, body("Ana", "1")])).body).toMatchObject({ error: { code: 132001 } });
  });

  test("whose button opens an address with a placeholder needs its value", async () => {
    const buttons = { type: "BUTTONS", buttons: [{ type: "URL", text: "See", url: "https://example.com/{{1}}" }] };
    it = await startTestTwin({ templates: [{ ...WELCOME, components: [{ type: "BODY", text: "Hi" }, buttons] }] });
    expect((await send("welcome", "en_US", [])).body).toMatchObject({ error: { code: 131008 } });
    const value = { type: "button", sub_type: "url", index: "0", parameters: [{ type: "text", text: "a" }] };
    expect((await send("welcome", "en_US", [value])).status).toBe(200);
  });
});

describe("the list of templates", () => {
  const many = Array.from({ length: 7 }, (_, index) => ({ ...NAMED, name: `template_${index}` }));
  const list = async (query: string) => (await it.graph("GET", `${NUMBER.businessAccountId}/message_templates${query}`)).body;

  test("comes page by page, each with the way to the next", async () => {
    it = await startTestTwin({ templates: many });
    const names: string[] = [];
    let url: string | undefined = `${it.twin.url}/v23.0/${NUMBER.businessAccountId}/message_templates?limit=3`;
    let pages = 0;
    while (url !== undefined) {
      const response: Response = await fetch(url, { headers: { authorization: `Bearer ${NUMBER.accessToken}` } });
      const page = JSON.parse(await response.text());
      expect(page.paging.cursors).toEqual({ before: expect.any(String), after: expect.any(String) });
      for (const { name } of page.data) names.push(name);
      url = page.paging.next;
      pages += 1;
    }
    expect([pages, names]).toEqual([3, many.map(({ name }) => name)]);
  });

  test("has each one as Meta has it, of just that account", async () => {
    it = await startTestTwin({ templates: [WELCOME, NAMED, { ...WELCOME, name: "foreign", businessAccountId: "999" }] });
    const { data } = await list("");
    expect(data).toMatchObject([
      { ...WELCOME, id: expect.stringMatching(/^\d+$/), status: "APPROVED", parameter_format: "POSITIONAL" },
      { ...NAMED, parameter_format: "NAMED" },
    ]);
  });

  test("can be narrowed", async () => {
    it = await startTestTwin({ templates: [WELCOME, { ...NAMED, status: "PAUSED" }] });
    expect(await list("?status=PAUSED")).toMatchObject({ data: [{ name: "named" }] });
    expect(await list("?name=nothing")).toEqual({ data: [] });
  });

  test.each(["?limit=0", "?limit=x", "?after=x"])("refuses %s", async (query) => {
    it = await startTestTwin({ templates: many });
    expect(await list(query)).toMatchObject({ error: { code: 100 } });
  });
});

describe("a new template", () => {
  const create = (template: Json) => it.graph("POST", `${NUMBER.businessAccountId}/message_templates`, template);

  test("is reviewed, and the webhook hears when it is approved, again until it has taken that", async () => {
    it = await startTestTwin({ reviewMs: 10 });
    it.webhook.refuseNext(2);
    const made = await create({ ...NAMED });
    expect(made).toEqual({ status: 200, body: { id: expect.stringMatching(/^\d+$/), status: "PENDING", category: "UTILITY" } });
    await vi.waitFor(() => expect(it.heard.templates).toHaveLength(1), 5_000);
    expect(it.heard.templates).toEqual([
      {
        event: "APPROVED",
        message_template_id: Number(made.body["id"]),
        message_template_name: "named",
        message_template_language: "de",
        message_template_category: "UTILITY",
        reason: "NONE",
      },
    ]);
    expect(it.webhook.refused()).toBe(2);
  });

  test("is refused where it is incomplete, or there already", async () => {
    it = await startTestTwin({ templates: [NAMED] });
    expect((await create({ name: "x" })).body).toMatchObject({ error: { code: 100 } });
    expect((await create({ ...NAMED })).body).toMatchObject({ error: { code: 100 } });
  });
});

test("a template that is paused is told of", async () => {
  it = await startTestTwin({ templates: [WELCOME] });
  expect(it.twin.setTemplateStatus("welcome", "en_US", "PAUSED")).toBe(true);
  expect(it.twin.setTemplateStatus("welcome", "fr", "PAUSED")).toBe(false);
  await vi.waitFor(() => expect(it.heard.templates).toMatchObject([{ event: "PAUSED", message_template_name: "welcome" }]));
});
