import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BUSINESS_ACCOUNT_ID, graphError, type LocalGraph, startLocalGraph } from "./local-graph.ts";
import { fetchTemplates } from "./templates.ts";

let graph: LocalGraph;
beforeEach(async () => {
  graph = await startLocalGraph();
});
afterEach(() => graph.close());

const clock = virtualClock();
const read = () => fetchTemplates({ channelId: "shop", settings: graph.settings, secrets: graph.secrets, clock });

const template = (name: string, components: unknown[] = [{ type: "BODY", text: "Hi {{1}}" }]) => ({
  ...{ id: "1", name, language: "en_US", status: "APPROVED", category: "MARKETING", components },
});

/** As many pages, each linked to the next; the last one has a cursor as well, as Meta gives it. */
function pages(count: number) {
  graph.reply(({ path }) => {
    const page = Number(new URL(path, "http://any").searchParams.get("after") ?? "0");
    const next = page + 1 < count ? { next: `${graph.settings.base_url}/elsewhere` } : {};
    return { status: 200, body: { data: [template(`t${page}`)], paging: { cursors: { after: String(page + 1) }, ...next } } };
  });
}

test("a template is read with its header, text, footer and buttons", async () => {
  const components = [
    { type: "HEADER", format: "IMAGE", example: { header_handle: ["https://example.com"] } },
    { type: "BODY", text: "Hi {{first_name}}, {{discount}} off", example: {} },
    { type: "FOOTER", text: "Reply STOP to opt out" },
    {
      type: "BUTTONS",
      buttons: [{ type: "QUICK_REPLY", text: "Yes" }, { type: "URL", text: "Shop", url: "https://example.com" }, {}],
    },
  ];
  graph.reply(() => ({ status: 200, body: { data: [template("offer", components)] } }));
  expect(await read()).toEqual({
    kind: "read",
    templates: [
      {
        ...{ channel_id: "shop", name: "offer", language: "en_US", category: "MARKETING", status: "APPROVED" },
        ...{ header: { format: "IMAGE" }, body: "Hi {{first_name}}, {{discount}} off", footer: "Reply STOP to opt out" },
        ...{ buttons: ["Yes", "Shop"], synced_at: clock.now() },
      },
    ],
  });
  const asked = new URL(graph.requests[0]?.path ?? "", "http://any");
  expect(asked.pathname).toBe(`/v23.0/${BUSINESS_ACCOUNT_ID}/message_templates`);
});

test("a text header has its text, and what is missing is null or empty", async () => {
  const header = { type: "HEADER", format: "TEXT", text: "Sale" };
  graph.reply(() => ({ status: 200, body: { data: [template("a", [header]), template("b", []), { name: "broken" }, 7] } }));
  expect(await read()).toMatchObject({
    templates: [
      { name: "a", header: { format: "TEXT", text: "Sale" }, body: "", footer: null, buttons: [] },
      { name: "b", header: null },
    ],
  });
});

test("all pages are read, from the configured address only", async () => {
  pages(3);
  expect(await read()).toMatchObject({ kind: "read", templates: [{ name: "t0" }, { name: "t1" }, { name: "t2" }] });
  expect(graph.requests.map(({ path }) => new URL(path, "http://any").pathname.includes("elsewhere"))).toEqual([
    false,
    false,
    false,
  ]);
});

test("pages without an end are not followed for ever", async () => {
  pages(Number.POSITIVE_INFINITY);
  expect(await read()).toEqual({ kind: "failed", reason: "The account has more than 10000 templates." });
  expect(graph.requests).toHaveLength(100);
});

test("what fails on the way is told in words, without the token", async () => {
  graph.reply(() => graphError(401, 190, { message: `Malformed access token ${graph.secrets.access_token}` }));
  const failed = await read();
  expect(failed).toMatchObject({
    kind: "failed",
    reason: expect.stringContaining("The access token has expired or was withdrawn"),
  });
  expect(JSON.stringify(failed)).not.toContain(graph.secrets.access_token);
  graph.reply(() => ({ status: 200, body: { data: {} } }));
  expect(await read()).toEqual({ kind: "failed", reason: "Meta answered without a list of templates." });
  const gone = await startLocalGraph();
  await gone.close();
  graph.settings.base_url = gone.settings.base_url;
  expect(await read()).toMatchObject({ kind: "failed", reason: expect.stringContaining("Meta cannot be reached") });
});
