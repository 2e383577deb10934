import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "../test-backend.ts";
import { CLOUD, cloudChannel } from "../test-cloud.ts";

/** Meta's side: what it answers next, and the tokens that it was given. */
let answer: { status: number; body: object };
const tokens: unknown[] = [];
const graph = createServer((request, response) => {
  tokens.push(request.headers.authorization);
  response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
});

let backend: TestBackend;
beforeAll(async () => {
  await new Promise<void>((resolve) => graph.listen(0, "127.0.0.1", resolve));
  backend = await openBackend();
  await cloudChannel(backend, "shop", `http://127.0.0.1:${(graph.address() as AddressInfo).port}`);
});
afterAll(async () => {
  await backend.close();
  graph.close();
});

const sync = (id = "shop"): Promise<Answer> => backend.call("POST", `/api/v1/channels/${id}/templates/sync`);
const list = async () => (await backend.call("GET", "/api/v1/channels/shop/templates")).body.data;
const errorOf = ({ status, body }: Answer): unknown[] => [status, body.error.code];

const template = (name: string, status: string) => ({
  id: "1",
  name,
  language: "en_US",
  category: "UTILITY",
  status,
  components: [
    { type: "HEADER", format: "TEXT", text: "News" },
    { type: "BODY", text: "Hi {{1}}" },
    { type: "BUTTONS", buttons: [{ type: "QUICK_REPLY", text: "Thanks" }] },
  ],
});

test("templates are looked up at Meta, with the channel's token, in place of what was known", async () => {
  expect(await list()).toEqual([]);
  answer = { status: 200, body: { data: [template("b", "APPROVED"), template("a", "PENDING")] } };
  const synced = await sync();
  expect([synced.status, synced.body.data]).toMatchObject([
    200,
    [
      { name: "a", status: "PENDING" },
      {
        name: "b",
        language: "en_US",
        category: "UTILITY",
        status: "APPROVED",
        header: { format: "TEXT", text: "News" },
        body: "Hi {{1}}",
        footer: null,
        buttons: ["Thanks"],
      },
    ],
  ]);
  expect(await list()).toEqual(synced.body.data);
  expect(tokens).toEqual([`Bearer ${CLOUD.access_token}`]);
  answer = { status: 200, body: { data: [] } };
  expect((await sync()).body.data).toEqual([]);
});

test("what Meta refuses is told in words, and leaves what was known", async () => {
  answer = { status: 200, body: { data: [template("a", "APPROVED")] } };
  await sync();
  answer = { status: 401, body: { error: { code: 190, message: "The access token has expired", type: "OAuthException" } } };
  const refused = await sync();
  expect(errorOf(refused)).toEqual([502, "TEMPLATES_NOT_READ"]);
  expect(refused.body.error.details).toMatch(/token/i);
  expect(JSON.stringify(refused.body) + backend.log.join("")).not.toContain(CLOUD.access_token);
  expect(await list()).toHaveLength(1);
});

test("only Cloud API channels have templates", async () => {
  expect(errorOf(await sync("default"))).toEqual([409, "CHANNEL_HAS_NO_TEMPLATES"]);
  expect(errorOf(await backend.call("GET", "/api/v1/channels/default/templates"))).toEqual([409, "CHANNEL_HAS_NO_TEMPLATES"]);
  expect(errorOf(await sync("none"))).toEqual([404, "CHANNEL_NOT_FOUND"]);
});
