import { describe, expect, test } from "vitest";
import type { Lead } from "../lead/lead.ts";
import type { FrozenContent, FrozenTemplate } from "./campaign.ts";
import { NO_CONTENT } from "./earlier-versions.ts";
import { placesIn, wordsFor } from "./words.ts";

const NOW = Date.UTC(2026, 0, 5);
const ANA = {
  _id: "65a4b4eaf123456789000001",
  name: "Ana",
  emails: [],
  phones: ["+14155550001"],
  tags: [],
  metadata: { tier: "gold\n plus", city: "Lima" },
  timezone: null,
} as unknown as Lead;
const ID = `${"0".repeat(24)}${ANA._id}`;
const variants = [{ name: "A", percent: 100, template: "Hi {{name}}" }];

const template = (changes: Partial<FrozenTemplate> = {}): FrozenTemplate => ({
  name: "offer",
  language: "en_US",
  body: "Dear {{1}}, you are {{2}}. Bye {{1}}!",
  parameters: [
    { name: null, value: "{{name}}" },
    { name: null, value: "{{metadata.tier}}" },
  ],
  ...changes,
});
const says = (content: FrozenContent, allowed: "anything" | "template") =>
  wordsFor({ variants, content }, ID, ANA, NOW, allowed).worded;

describe("whoever may be sent anything", () => {
  test("gets the text, with the campaign's media and buttons, also where there is a template", () => {
    const media = { kind: "image" as const, link: "https://example.org/a.png", filename: null };
    const content = { media, buttons: ["Yes", "No"], template: template() };
    expect(says(content, "anything")).toEqual({
      kind: "content",
      content: { text: "Hi Ana", media, buttons: ["Yes", "No"], template: null },
    });
  });
});

describe("whoever may only be sent a template", () => {
  test("gets it with a text for each parameter, in one line each, and it reads as what they see", () => {
    expect(says({ ...NO_CONTENT, buttons: ["Yes"], template: template() }, "template")).toEqual({
      kind: "content",
      content: {
        text: "Dear Ana, you are gold plus. Bye Ana!",
        media: null,
        buttons: [],
        template: {
          name: "offer",
          language: "en_US",
          parameters: [
            { name: null, text: "Ana" },
            { name: null, text: "gold plus" },
          ],
        },
      },
    });
  });

  test("gets parameters that have names by them, whatever their order", () => {
    const named = template({
      body: "{{ city }} greets {{first_name}}",
      parameters: [
        { name: "first_name", value: "{{name}}" },
        { name: "city", value: "{{metadata.city}}" },
      ],
    });
    expect(says({ ...NO_CONTENT, template: named }, "template")).toMatchObject({
      content: { text: "Lima greets Ana", template: { parameters: [{ name: "first_name", text: "Ana" }, { name: "city" }] } },
    });
  });

  test("gets nothing where a parameter has nothing to say", () => {
    const blank = template({ body: "{{1}}", parameters: [{ name: null, value: "{{metadata.unknown}}" }] });
    expect(says({ ...NO_CONTENT, template: blank }, "template")).toEqual({ kind: "blank", variable: "metadata.unknown" });
  });

  test("gets nothing where the campaign has no template", () => {
    expect(says(NO_CONTENT, "template")).toEqual({ kind: "outside_window" });
  });
});

describe("what WhatsApp would refuse as if the whole campaign were wrong is one recipient's failure", () => {
  const long = (characters: number) => ({ ...ANA, name: "x".repeat(characters) });
  const to = (lead: Lead, content: FrozenContent, allowed: "anything" | "template") =>
    wordsFor({ variants, content }, ID, lead, NOW, allowed).worded;
  const image = { kind: "image" as const, link: "https://example.org/a.png", filename: null };

  test.each<[what: string, content: FrozenContent, room: number]>([
    ["under media", { ...NO_CONTENT, media: image }, 1_021],
    ["above buttons", { ...NO_CONTENT, buttons: ["Yes"] }, 1_021],
    ["alone", NO_CONTENT, 4_093],
  ])("a text that is too long %s", (_what, content, room) => {
    expect(to(long(room), content, "anything").kind).toBe("content");
    expect(to(long(room + 1), content, "anything")).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("characters"),
    });
  });

  test("a template that becomes too long with its values", () => {
    const content = { ...NO_CONTENT, template: template({ body: "Hi {{1}}", parameters: [{ name: null, value: "{{name}}" }] }) };
    expect(to(long(1_021), content, "template").kind).toBe("content");
    expect(to(long(1_022), content, "template")).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("in a template"),
    });
  });

  test("a parameter that is empty when it is rendered", () => {
    const empty = template({ body: "{{1}}", parameters: [{ name: null, value: "{% if name == 'Bo' %}Bo{% endif %} " }] });
    expect(to(ANA, { ...NO_CONTENT, template: empty }, "template").kind).toBe("failed");
  });

  test("while braces in a value are only text", () => {
    const lead = { ...ANA, name: "{{2}}" };
    expect(to(lead, { ...NO_CONTENT, template: template() }, "template")).toMatchObject({
      content: { text: "Dear {{2}}, you are gold plus. Bye {{2}}!" },
    });
  });
});

test("places of parameters are told once each, in their order", () => {
  expect(placesIn("{{2}} {{ 1 }} {{2}} {{first_name}} {{}} {{a b}}")).toEqual(["2", "1", "first_name"]);
  expect(placesIn("none")).toEqual([]);
});
