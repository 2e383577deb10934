import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { AppError } from "@mini-crm/core/app-error";
import { pino } from "pino";
import { Type } from "typebox";
import { afterEach, describe, expect, test } from "vitest";
import { createHttpServer, type HttpServer } from "./http-server.ts";
import { Refusal } from "./refusal.ts";

const open: HttpServer[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

function serverWith(options: { apiKey?: string | null } = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const app = createHttpServer({ log, apiKey: options.apiKey ?? null, bodyLimitBytes: 1000 });
  open.push(app);
  app.get("/health", { config: { public: true } }, async () => ({ status: "ok" }));
  app.get("/things/:id", async ({ params }) => ({ success: true, data: params }));
  app.get("/outage", async () => {
    throw new AppError("STORE_UNAVAILABLE", "connect ECONNREFUSED secret-host:27017", { retryable: true });
  });
  app.get("/bug", async () => {
    throw new TypeError("x is not a function, password=hunter2");
  });
  app.get("/refused", async () => {
    throw new Refusal({
      status: 409,
      code: "TAKEN",
      message: "It is taken.",
      details: "Choose another.",
      headers: { "x-why": "taken" },
    });
  });
  const Thing = Type.Object(
    {
      name: Type.Refine(
        Type.String({ minLength: 1, maxLength: 5 }),
        (name) => name !== "no",
        () => "must not be no",
      ),
      size: Type.Optional(Type.Enum(["small", "large"])),
      age: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.Null()])),
      parts: Type.Optional(Type.Array(Type.Object({ weight: Type.Number() }), { maxItems: 2 })),
    },
    { additionalProperties: false },
  );
  app.post("/things", { schema: { body: Thing } }, async ({ body }) => ({ success: true, data: body }));
  app.post("/things/:id/run", async () => ({ success: true }));
  const querystring = Type.Object(
    {
      page: Type.Optional(Type.Integer({ minimum: 1 })),
      all: Type.Optional(Type.Boolean()),
      least: Type.Optional(Type.Number()),
    },
    { additionalProperties: false },
  );
  app.get("/things", { schema: { querystring } }, async ({ query }) => ({ success: true, data: query }));
  return { app, lines };
}

async function problemsWith(payload: unknown): Promise<{ field: string; rule: string; message: string }[]> {
  const { app } = serverWith();
  const answer = await app.inject({ method: "POST", url: "/things", payload: JSON.stringify(payload), headers: json });
  expect(answer.statusCode).toBe(400);
  expect(answer.json().error.code).toBe("VALIDATION_FAILED");
  return answer.json().error.details;
}
const json = { "content-type": "application/json" };

describe("a body that breaks its schema", () => {
  test("is told by field, rule and what to do, every field at once", async () => {
    expect(await problemsWith({ name: "abcdef", size: "huge", age: -1 })).toEqual([
      { field: "name", rule: "max_length", message: "`name` must have at most 5 characters." },
      { field: "size", rule: "enum", message: "`size` must be one of small, large." },
      { field: "age", rule: "minimum", message: "`age` must be 0 or more." },
    ]);
  });

  test("is told which type each field must have", async () => {
    expect(await problemsWith({ name: 5, age: "old", parts: [{ weight: "1" }] })).toEqual([
      { field: "name", rule: "type", message: "`name` must be text." },
      { field: "age", rule: "type", message: "`age` must be a whole number or null." },
      { field: "parts[0].weight", rule: "type", message: "`parts[0].weight` must be a number." },
    ]);
  });

  test("is told of a missing field and of an unknown one by name", async () => {
    expect(await problemsWith({ nmae: "x" })).toEqual([
      { field: "nmae", rule: "unknown_field", message: "`nmae` is not a field of this body: did you mean `name`?" },
      { field: "name", rule: "required", message: "`name` is required: add it to the body." },
    ]);
    expect(await problemsWith({ name: "x", colour: "red" })).toMatchObject([
      { field: "colour", message: "`colour` is not a field of this body: leave it out, or check its spelling." },
    ]);
  });

  test("is told of a rule that JSON Schema cannot say", async () => {
    expect(await problemsWith({ name: "no" })).toEqual([{ field: "name", rule: "text", message: "`name` must not be no." }]);
  });

  test.each([null, [], "text", 5])("is told that it must be an object when it is %j", async (payload) => {
    expect(await problemsWith(payload)).toEqual([{ field: "", rule: "type", message: "The body must be an object." }]);
  });

  test("is told so when there is none", async () => {
    const { app } = serverWith();
    const answer = await app.inject({ method: "POST", url: "/things", headers: json });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error.message).toBe("The body must be an object.");
  });

  test("gets a handful of problems, however many there are", async () => {
    const payload = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`field${i}`, i]));
    const problems = await problemsWith({ name: "x", ...payload });
    expect(problems).toHaveLength(8);
    expect(problems[0]).toMatchObject({ field: "field0", rule: "unknown_field" });
  });
});

describe("types are never converted in a body, and read from text in a query", () => {
  test("numbers and booleans in a query are what they say", async () => {
    const { app } = serverWith();
    expect((await app.inject("/things?page=2&all=false&least=-1.5")).json().data).toEqual({ page: 2, all: false, least: -1.5 });
  });

  test.each([
    "/things?page=two",
    "/things?page=0",
    "/things?page=1.5",
    "/things?page=true",
    "/things?page=",
    "/things?all=1",
    "/things?least=1e999",
    "/things?page=1&page=2",
    "/things?other=1",
    "/things?__proto__=1",
  ])("%s is refused", async (url) => {
    const { app } = serverWith();
    expect((await app.inject(url)).statusCode).toBe(400);
  });
});

describe("a body that cannot be read", () => {
  test.each(['{"name":', "{name:1}", '{"__proto__":{"a":1}}', '{"name":"x","constructor":{"prototype":{}}}', "\u0000"])(
    "%j is 400 INVALID_JSON",
    async (payload) => {
      const { app } = serverWith();
      const answer = await app.inject({ method: "POST", url: "/things", payload, headers: json });
      expect([answer.statusCode, answer.json().error.code]).toEqual([400, "INVALID_JSON"]);
    },
  );

  test("over the limit is 413 and says the limit", async () => {
    const { app } = serverWith();
    const answer = await app.inject({ method: "POST", url: "/things", payload: { name: "x".repeat(1001) } });
    expect([answer.statusCode, answer.json().error.code]).toEqual([413, "BODY_TOO_LARGE"]);
    expect(answer.json().error.details).toContain("1000 bytes");
  });

  test.each(["text/plain", "application/xml", "nonsense", "application/x-www-form-urlencoded"])("%s is 415", async (type) => {
    const { app } = serverWith();
    const answer = await app.inject({ method: "POST", url: "/things", payload: "a=1", headers: { "content-type": type } });
    expect([answer.statusCode, answer.json().error.code]).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
  });

  test("announced as JSON and empty is none, which is fine where none is needed", async () => {
    const { app } = serverWith();
    expect((await app.inject({ method: "POST", url: "/things/1/run", headers: json })).statusCode).toBe(200);
  });
});

describe("an address", () => {
  test("that does not exist is 404 ROUTE_NOT_FOUND", async () => {
    const { app } = serverWith();
    const answer = await app.inject("/nowhere?name=%3Cscript%3E");
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      success: false,
      error: {
        message: "There is nothing at this address.",
        code: "ROUTE_NOT_FOUND",
        details: "No route GET /nowhere exists.",
      },
    });
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  });

  test("asked with a method it does not have is 405 with Allow", async () => {
    const { app } = serverWith();
    const answer = await app.inject({ method: "DELETE", url: "/things/5" });
    expect([answer.statusCode, answer.json().error.code, answer.headers["allow"]]).toEqual([
      405,
      "METHOD_NOT_ALLOWED",
      "GET, HEAD",
    ]);
  });

  test("that is no valid URL is 400 INVALID_URL", async () => {
    const { app } = serverWith();
    const answer = await app.inject("/things/%E0%A4%A");
    expect([answer.statusCode, answer.json().error.code]).toEqual([400, "INVALID_URL"]);
  });

  test("with an identifier of thousands of characters still reaches its route", async () => {
    const { app } = serverWith();
    expect((await app.inject(`/things/${"a".repeat(8000)}`)).statusCode).toBe(200);
  });
});

describe("a failure", () => {
  test("of the surroundings is 503 with Retry-After, and says nothing of the inside", async () => {
    const { app } = serverWith();
    const answer = await app.inject("/outage");
    expect([answer.statusCode, answer.json().error.code, answer.headers["retry-after"]]).toEqual([503, "STORE_UNAVAILABLE", "5"]);
    expect(answer.body).not.toContain("secret-host");
  });

  test("nobody foresaw is 500 without its words, and is logged under the id that the answer names", async () => {
    const { app, lines } = serverWith();
    const answer = await app.inject("/bug");
    expect([answer.statusCode, answer.json().error.code]).toEqual([500, "INTERNAL_ERROR"]);
    expect(answer.body).not.toMatch(/hunter2|TypeError|at /);
    const logged = lines.find(({ err }) => err !== undefined);
    expect(JSON.stringify(logged)).toContain("hunter2");
    expect(answer.json().error.details).toContain(String(logged?.["reqId"]));
    expect(answer.headers["x-request-id"]).toBe(logged?.["reqId"]);
  });

  test("that a route throws as a refusal keeps its status, code, words and headers", async () => {
    const { app } = serverWith();
    const answer = await app.inject("/refused");
    expect([answer.statusCode, answer.headers["x-why"]]).toEqual([409, "taken"]);
    expect(answer.json()).toEqual({
      success: false,
      error: { message: "It is taken.", code: "TAKEN", details: "Choose another." },
    });
  });
});

describe("an API key", () => {
  test("is needed for everything but public routes, also for what does not exist", async () => {
    const { app } = serverWith({ apiKey: "key-1" });
    expect((await app.inject("/health")).statusCode).toBe(200);
    for (const url of ["/things", "/nowhere"]) {
      const answer = await app.inject(url);
      expect([answer.statusCode, answer.json().error.code]).toEqual([401, "UNAUTHORIZED"]);
      expect(answer.headers["www-authenticate"]).toBe('Bearer realm="mini-crm"');
    }
  });

  test("is checked before the body is read", async () => {
    const { app } = serverWith({ apiKey: "key-1" });
    const answer = await app.inject({ method: "POST", url: "/things", payload: "x".repeat(5000), headers: json });
    expect(answer.statusCode).toBe(401);
  });

  test.each([{ authorization: "Bearer key-1" }, { authorization: "bearer  key-1" }, { "x-api-key": "key-1" }])(
    "opens with %j",
    async (headers) => {
      const { app } = serverWith({ apiKey: "key-1" });
      expect((await app.inject({ url: "/things", headers })).statusCode).toBe(200);
    },
  );

  test.each([
    { authorization: "Bearer key-2" },
    { authorization: "Bearer key-1x" },
    { authorization: "Basic key-1" },
    { authorization: "key-1" },
    { "x-api-key": "" },
  ])("does not open with %j", async (headers) => {
    const { app } = serverWith({ apiKey: "key-1" });
    expect((await app.inject({ url: "/things", headers })).statusCode).toBe(401);
  });

  test("is never written to the log", async () => {
    const { app, lines } = serverWith({ apiKey: "key-1" });
    await app.inject({ url: "/things", headers: { authorization: "Bearer key-1" } });
    await app.inject({ url: "/things", headers: { authorization: "Bearer key-2" } });
    expect(JSON.stringify(lines)).not.toContain("key-");
  });
});

describe("a browser", () => {
  test.each(["cross-site", "same-site"])(
    "that a page of another website (%s) makes call may not change anything",
    async (site) => {
      const { app } = serverWith();
      const answer = await app.inject({ method: "POST", url: "/things/1/run", headers: { "sec-fetch-site": site } });
      expect([answer.statusCode, answer.json().error.code]).toEqual([403, "CROSS_SITE_REQUEST"]);
      expect((await app.inject({ url: "/things/1", headers: { "sec-fetch-site": site } })).statusCode).toBe(200);
    },
  );

  test("may on the server's own pages", async () => {
    const { app } = serverWith();
    const answer = await app.inject({ method: "POST", url: "/things/1/run", headers: { "sec-fetch-site": "same-origin" } });
    expect([answer.statusCode, answer.headers["x-content-type-options"]]).toEqual([200, "nosniff"]);
  });
});

describe("without an API key", () => {
  test.each(["localhost:3000", "127.0.0.1", "[::1]:3000"])("the machine's own name %s is answered", async (host) => {
    const { app } = serverWith();
    expect((await app.inject({ url: "/things/1", headers: { host } })).statusCode).toBe(200);
  });

  test.each(["crm.example.com", "localhost.evil.example:3000", "192.168.1.5"])("the name %s is not", async (host) => {
    const { app } = serverWith();
    const answer = await app.inject({ url: "/things/1", headers: { host } });
    expect([answer.statusCode, answer.json().error.code]).toEqual([403, "UNKNOWN_HOST"]);
  });

  test("a public route is answered by any name", async () => {
    const { app } = serverWith();
    expect((await app.inject({ url: "/health", headers: { host: "crm.example.com" } })).statusCode).toBe(200);
  });

  test("with one, any name is", async () => {
    const { app } = serverWith({ apiKey: "a key of some length" });
    const headers = { host: "crm.example.com", "x-api-key": "a key of some length" };
    expect((await app.inject({ url: "/things/1", headers })).statusCode).toBe(200);
  });
});

describe("the log", () => {
  test("has one line a request, without its query", async () => {
    const { app, lines } = serverWith();
    await app.inject("/things?page=2");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      msg: "request",
      method: "GET",
      path: "/things",
      status: 200,
      durationMs: expect.any(Number),
    });
  });
});

test("bytes that are no HTTP are answered in the envelope, and the connection ends", async () => {
  const { app } = serverWith();
  const { port } = new URL(await app.listen({ port: 0, host: "127.0.0.1" }));
  const socket = connect(Number(port), "127.0.0.1", () => socket.write("this is not http\r\n\r\n"));
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "").error.code).toBe("BAD_REQUEST");
});
