import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "./test-backend.ts";
import { draftCampaign, FIVE_LEADS, moreThan } from "./test-campaign.ts";

let backend: TestBackend;
/** Every route that takes a body, on things that exist, with a body that it takes. */
let routes: { method: "POST" | "PATCH"; url: string; good: Record<string, unknown> }[];
/** Their number, for tests that are declared before the backend is there. */
const ROUTES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
  const leads = await backend.call("GET", "/api/v1/leads");
  const leadId = leads.body.data.leads[0]._id;
  const { segmentId, campaignId } = await draftCampaign(backend);
  const { campaignId: scheduledId } = await draftCampaign(backend);
  const inAnHour = new Date(backend.clock.now() + 3_600_000).toISOString();
  const rule_ast = moreThan("total_spend", 1000);
  await backend.call("POST", "/api/v1/channels", { name: "Phone", kind: "web" });
  const campaign = { name: "x", segment_id: segmentId, message_template: "Hi" };
  routes = [
    { method: "POST", url: "/api/v1/leads", good: { name: "x" } },
    { method: "PATCH", url: `/api/v1/leads/${leadId}`, good: { name: "x" } },
    { method: "POST", url: "/api/v1/leads/bulk", good: { leads: [{ name: "x" }] } },
    { method: "POST", url: "/api/v1/segments", good: { name: "x", rule_ast } },
    { method: "PATCH", url: `/api/v1/segments/${segmentId}`, good: { name: "x", rule_ast } },
    { method: "POST", url: "/api/v1/segments/preview", good: { rule_ast } },
    { method: "POST", url: "/api/v1/campaigns", good: campaign },
    { method: "PATCH", url: `/api/v1/campaigns/${campaignId}`, good: campaign },
    { method: "POST", url: `/api/v1/campaigns/${scheduledId}/schedule`, good: { at: inAnHour, grace_minutes: 60 } },
    { method: "POST", url: "/api/v1/channels", good: { name: "Made here", kind: "simulator" } },
    { method: "PATCH", url: "/api/v1/channels/phone", good: { name: "x", web: { warm_up: false } } },
    { method: "POST", url: "/api/v1/channels/phone/pair", good: { method: "code", phone: "+4930901820" } },
    { method: "POST", url: `/api/v1/leads/${leadId}/messages`, good: { text: "x" } },
  ];
});
afterAll(() => backend.close());

function route(index: number): (typeof routes)[number] {
  const found = routes[index];
  if (found === undefined) throw new Error(`There is no route ${index}`);
  return found;
}

async function send(index: number, body: unknown): Promise<Answer> {
  const { method, url } = route(index);
  return backend.call(method, url, body);
}

/** Sends a good body with `changes`, and returns the first problem that is found with it. */
async function firstProblem(index: number, changes: object): Promise<{ field: string; rule: string; message: string }> {
  const answer = await send(index, { ...route(index).good, ...changes });
  expect([answer.status, answer.body.error.code]).toEqual([400, "VALIDATION_FAILED"]);
  expect(answer.body.error.message).toContain(answer.body.error.details[0].message);
  return answer.body.error.details[0];
}

/** A comparison under `levels` of NOT. */
function nested(levels: number): object {
  let rule = moreThan("visits", 1);
  for (let level = 0; level < levels; level++) rule = { op: "NOT", children: [rule] };
  return rule;
}

test("every route takes its good body", async () => {
  for (const index of ROUTES) expect((await send(index, route(index).good)).status).toBeLessThan(300);
});

describe.each(ROUTES)("the body of route %i", (index) => {
  test.each(["{", "", "nul", '{"name": "x",}', '{"name": "x"} x', "\uFFFF", '{"a":1e}'])("as %j is refused", async (text) => {
    expect((await send(index, text)).status).toBe(400);
  });

  test.each([null, [], [{}], "text", 5, true, "[".repeat(10_000)])("as %j is refused", async (body) => {
    expect((await send(index, JSON.stringify(body))).status).toBe(400);
  });

  test("as half a million brackets is refused", async () => {
    expect((await send(index, "[".repeat(500_000))).status).toBe(400);
    expect((await send(index, "[".repeat(500_000) + "]".repeat(500_000))).status).toBe(400);
  });

  test("that changes the prototype is refused, and changes nothing", async () => {
    for (const text of [
      '{"__proto__":{"name":"x"}}',
      '{"constructor":{"prototype":{"name":"x"}}}',
      '{"leads":[{"__proto__":{"name":"x"}}]}',
    ]) {
      const answer = await send(index, text);
      if (answer.status === 200) expect(answer.body.data).toMatchObject({ accepted: 0 });
      else expect(answer.status).toBe(400);
    }
    expect(Reflect.get({}, "name")).toBeUndefined();
  });

  test("in another content type is 415", async () => {
    const { method, url } = route(index);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]) {
      const answer = await backend.app.inject({ method, url, payload: "name=x", headers: { "content-type": type } });
      expect([answer.statusCode, answer.json().error.code]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
    }
  });

  test("over the limit is 413", async () => {
    const limit = route(index).url.endsWith("/bulk") ? 16 * 1024 * 1024 : 1024 * 1024;
    const answer = await send(index, `{"name":"${"x".repeat(limit)}"}`);
    expect([answer.status, answer.body.error.code]).toEqual([413, "BODY_TOO_LARGE"]);
    expect(answer.body.error.details).toContain(String(limit));
  });
});

describe("a field that nobody knows is refused by its name", () => {
  test.each([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])("on route %i", async (index) => {
    const problem = await firstProblem(index, { colour: "red" });
    expect(problem).toMatchObject({ field: "colour", rule: "unknown_field" });
    expect(problem.message).toContain("colour");
  });
});

describe("a name", () => {
  const named = [0, 1, 3, 4, 6, 7, 9, 10];
  test.each(named)("of a megabyte is refused on route %i", async (index) => {
    const problem = await firstProblem(index, { name: "x".repeat(1_000_000) });
    expect(problem).toMatchObject({ field: "name", rule: "max_length" });
    expect(problem.message.length).toBeLessThan(300);
  });

  test.each(named)("with a NUL or half a character is refused on route %i", async (index) => {
    for (const name of ["a\0b", "\ud800", "x\udc00y"])
      expect(await firstProblem(index, { name })).toMatchObject({ field: "name", rule: "text" });
  });

  test.each([3, 4, 6, 7, 9, 10])("that is blank is refused on route %i", async (index) => {
    for (const name of ["", "   "]) expect((await firstProblem(index, { name })).field).toBe("name");
  });

  test.each([3, 4, 6, 7, 9, 10])("that is no text is refused on route %i", async (index) => {
    for (const name of [5, null, {}, []]) {
      expect(await firstProblem(index, { name })).toEqual({ field: "name", rule: "type", message: "`name` must be text." });
    }
  });

  test("in another alphabet, with an emoji or with markup is taken, and comes back as it was", async () => {
    for (const name of ["Ярослав", "山田", "👩‍👩‍👧", "<script>alert(1)</script>", "'; DROP TABLE lead; --"]) {
      const answer = await send(3, { ...route(3).good, name });
      expect(answer.body.data.name).toBe(name);
      expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    }
  });
});

describe("a rule", () => {
  const ruled = [3, 4, 5];
  const comparison = moreThan("visits", 1);
  const exists = { type: "comparison", operator: "EXISTS", left: { type: "field", value: "visits" } };
  test.each([
    ["an unknown operator", { ...comparison, operator: "~" }, "rule_ast.operator"],
    ["an unknown field", moreThan("total_spent", 1), "rule_ast.left.value"],
    ["a path through a prototype", moreThan("metadata.__proto__.x", 1), "rule_ast.left.value"],
    ["an operator that is MongoDB's", { $where: "sleep(1000)" }, "rule_ast.type"],
    ["a literal that is an object", { ...comparison, right: { type: "literal", value: { $gt: "" } } }, "rule_ast.right.value"],
    ["a text compared with a number", { ...comparison, right: { type: "literal", value: "1" } }, "rule_ast.right.value"],
    ["no children", { op: "AND", children: [] }, "rule_ast.children"],
    ["10,000 children", { op: "OR", children: Array.from({ length: 10_000 }, () => exists) }, "rule_ast"],
  ])("with %s is refused, and told where", async (_what, rule_ast, field) => {
    for (const index of ruled) expect((await firstProblem(index, { rule_ast })).field).toBe(field);
  });

  test("100 levels deep is refused", async () => {
    for (const index of ruled) expect((await firstProblem(index, { rule_ast: nested(100) })).rule).toBe("max_depth");
  });

  test("that is no object is refused", async () => {
    for (const index of ruled)
      for (const rule_ast of [null, [], 5, "x > 1"]) expect((await firstProblem(index, { rule_ast })).field).toBe("rule_ast");
  });

  test("that is missing is refused where it is needed", async () => {
    expect((await backend.call("POST", "/api/v1/segments", { name: "x" })).body.error.details).toEqual([
      { field: "rule_ast", rule: "required", message: "`rule_ast` is required: add it to the body." },
    ]);
  });
});

describe("a template", () => {
  test.each(["{{ nmae }}", "{{ name", "{% for %}", "{{ constructor.constructor }}", "x".repeat(100_001), "a\0b"])(
    "as %j is refused",
    async (message_template) => {
      for (const index of [6, 7]) expect((await firstProblem(index, { message_template })).field).toBe("message_template");
    },
  );
});

describe("what a campaign may be told, or null, is refused at the field that is wrong", () => {
  const clock = "must be a time of day such as 21:00";
  const zoned = 'must be a time with its zone, such as "2026-12-24T18:00:00Z"';
  const whole = { name: "A", percent: 100, message_template: "Hi" };
  test.each([
    ["quiet_hours.from", "pattern", clock, { quiet_hours: { from: "21", to: "08:00", timezone: "UTC" } }],
    ["quiet_hours.to", "required", "is required: add it to the body", { quiet_hours: { from: "21:00" } }],
    ["quiet_hours", "type", "must be an object or null", { quiet_hours: "21:00" }],
    ["canary.percnt", "unknown_field", "is not a field of this body: did you mean `canary.percent`?", { canary: { percnt: 5 } }],
    ["canary.percent", "exclusive_minimum", "must be more than 0", { canary: { percent: 0 } }],
    ["frequency_cap.messages", "minimum", "must be 1 or more", { frequency_cap: { messages: 0, days: 7 } }],
    ["variants[0].percent", "exclusive_maximum", "must be less than 100", { variants: [whole] }],
    ["variants", "min_items", "must have at least 2 entries", { variants: [] }],
    ["expires_at", "format", zoned, { expires_at: "soon" }],
    ["expires_at", "format", zoned, { expires_at: "2026-12-24T18:00:00" }],
  ])("%s, by the rule %s: %s", async (field, rule, what, changes) => {
    const end = what.endsWith("?") ? "" : ".";
    for (const index of [6, 7])
      expect(await firstProblem(index, changes)).toEqual({ field, rule, message: `\`${field}\` ${what}${end}` });
  });
});

describe("a body that may be left out", () => {
  test.each([
    ["run", { preflight_token: 5 }, "preflight_token", "`preflight_token` must be text."],
    ["run", { token: "x" }, "token", "`token` is not a field of this body: leave it out, or check its spelling."],
    ["run", 5, "", "The body must be an object or null."],
    ["preflight", { dry: 1 }, "dry", "`dry` is not a field of this body: leave it out, or check its spelling."],
    ["preflight", [], "", "The body must be an object or null."],
  ])("to %s, as %j, is refused at the field that is wrong", async (command, body, field, message) => {
    const { campaignId } = await draftCampaign(backend);
    const answer = await backend.call("POST", `/api/v1/campaigns/${campaignId}/${command}`, JSON.stringify(body));
    expect([answer.status, answer.body.error.details]).toMatchObject([400, [{ field, message }]]);
  });

  test("is documented as such", async () => {
    const { body } = await backend.call("GET", "/docs/json");
    const isRequired = (command: string) => body.paths[`/api/v1/campaigns/{id}/${command}`].post.requestBody.required;
    expect(["run", "preflight", "test"].map(isRequired)).toEqual([false, false, true]);
  });
});

describe("what does not exist", () => {
  const ids = ["x", "0".repeat(24), "65a4b4eaf123456789de", "__proto__", "%00", "' OR 1=1", "%F0%9F%91%BB", "a".repeat(9000)];
  test.each([
    ["/api/v1/leads/", "LEAD_NOT_FOUND", ["GET", "PATCH", "DELETE"]],
    ["/api/v1/segments/", "SEGMENT_NOT_FOUND", ["GET", "PATCH", "DELETE"]],
    ["/api/v1/campaigns/", "CAMPAIGN_NOT_FOUND", ["GET", "PATCH", "DELETE"]],
    ["/api/v1/delivery/campaign/", "CAMPAIGN_NOT_FOUND", ["GET"]],
    ["/api/v1/messages/", "MESSAGE_NOT_FOUND", ["GET"]],
    ["/api/v1/channels/", "CHANNEL_NOT_FOUND", ["GET", "PATCH", "DELETE"]],
  ] as const)("%s answers %s for every identifier and method", async (path, code, methods) => {
    for (const id of ids) {
      for (const method of methods) {
        const answer = await backend.call(
          method,
          `${path}${id.includes("%") ? id : encodeURIComponent(id)}`,
          method === "PATCH" ? { name: "x" } : undefined,
        );
        expect([answer.status, answer.body.error.code]).toEqual([404, code]);
        expect(answer.body.error.details).toMatch(/^\w+ with ID .* does not exist$/s);
      }
    }
  });

  test("is 404 ROUTE_NOT_FOUND for an address, and 405 with Allow for a method", async () => {
    for (const url of ["/", "/api/v1", "/api/v2/leads", "/api/v1/leads/x/y", "/API/v1/leads", "/api/v1/leads/"]) {
      expect([url, (await backend.call("POST", url)).body.error.code]).toEqual([url, "ROUTE_NOT_FOUND"]);
    }
    const answer = await backend.call("PUT", "/api/v1/leads", { name: "x" });
    expect([answer.status, answer.body.error.code, answer.headers["allow"]]).toEqual([
      405,
      "METHOD_NOT_ALLOWED",
      "GET, HEAD, POST",
    ]);
    expect((await backend.call("GET", "/api/v1/campaigns/x/run")).headers["allow"]).toBe("POST");
    expect((await backend.call("DELETE", "/health")).headers["allow"]).toBe("GET, HEAD");
  });
});

describe("nothing that can be sent is a 500", () => {
  test("as a body of any JSON, or of the right fields with any values", { timeout: 60_000 }, async () => {
    const fields = routes.flatMap(({ good }) => Object.keys(good));
    const keys = fc.constantFrom(
      ...fields,
      "emails",
      "phones",
      "metadata",
      "consent",
      "tags",
      "limit",
      "left",
      "right",
      "op",
      "children",
      "type",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("comparison", "AND", ">", "field", "literal", "name", "{{name}}"),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        fc.jsonValue(),
        text,
        fc.array(tie("value"), { maxLength: 4 }),
        tie("object"),
      ),
      object: fc.dictionary(fc.oneof(keys, fc.string()), tie("value"), { maxKeys: 6 }),
    }));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...ROUTES), value, fc.boolean(), async (index, changes, onTop) => {
        const answer = await send(index, onTop && typeof changes === "object" ? { ...route(index).good, ...changes } : changes);
        expect(answer.status).toBeLessThan(500);
        expect(answer.body.success).toBe(answer.status < 300);
      }),
      { numRuns: 1000 },
    );
  });

  test("as one wrong value in an otherwise good body", { timeout: 60_000 }, async () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: "binary" }),
      fc.double(),
      fc.constantFrom(1e308, -0, 2 ** 53, "\ud800"),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...ROUTES), fc.nat(), value, async (index, at, wrong) => {
        const { good } = route(index);
        const names = Object.keys(good);
        const name = names[at % names.length] ?? "name";
        expect((await send(index, { ...good, [name]: wrong })).status).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
  });

  test("as a query", { timeout: 60_000 }, async () => {
    const lists = ["/api/v1/leads", "/api/v1/segments", "/api/v1/campaigns", "/api/v1/delivery/campaign/x"];
    const names = [
      "page",
      "limit",
      "sort",
      "q",
      "email",
      "phone",
      "tag",
      "consent",
      "min_spend",
      "max_spend",
      "segment_id",
      "status",
      "x",
    ];
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.integer().map(String),
      fc.double().map(String),
      fc.constantFrom("name", "", "-name"),
    );
    const query = fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...lists), query, async (url, pairs) => {
        expect((await backend.call("GET", `${url}?${new URLSearchParams(pairs)}`)).status).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
  });

  test("and nothing unexpected was logged on the way", () => {
    expect(backend.log.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });
});
