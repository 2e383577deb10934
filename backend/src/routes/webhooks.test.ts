import { DEFAULT_WEBHOOK_KINDS, MOST_WEBHOOKS } from "@mini-crm/core/webhook/webhook";
import { openWebhookTransport } from "@mini-crm/runtime/engines";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { FIVE_LEADS } from "../test-campaign.ts";

let backend: TestBackend;
beforeEach(async () => {
  backend = await openBackend();
});
afterEach(() => backend.close());

const URL = "/api/v1/webhooks";
/** Nothing in these tests is of them. */
const KINDS = ["campaign.held"];
const create = (fields: object = {}) => backend.call("POST", URL, { url: "https://example.com/hook", ...fields });

/** Claims what is due and says that the receiver answered `status`. */
async function tryDue(status: number): Promise<void> {
  const { store, clock } = backend;
  const now = clock.now();
  for (const { _id, attempt } of await store.webhooks.claim({ busy: [], perWebhook: 10, leaseMs: 60_000, now })) {
    const answer = { kind: "answered", status, excerpt: "Thanks" } as const;
    await store.webhooks.record({ delivery_id: _id, attempt, answer, durationMs: 5, now });
  }
}

describe("a webhook", () => {
  test("is made with a secret that is shown once, and is neither shown nor logged again", async () => {
    const created = await create({ kinds: ["campaign.completed"] });
    expect([created.status, created.body.data]).toEqual([
      201,
      {
        _id: expect.stringMatching(/^[0-9a-f]{24}$/),
        url: "https://example.com/hook",
        kinds: ["campaign.completed"],
        enabled: true,
        off_reason: null,
        failing_since: null,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        secret: expect.stringMatching(/^whsec_/),
      },
    ]);
    const { secret, ...shown } = created.body.data;
    expect((await backend.call("GET", URL)).body.data).toEqual([shown]);
    expect((await backend.call("GET", `${URL}/${shown._id}`)).body.data).toEqual(shown);
    expect((await backend.call("PATCH", `${URL}/${shown._id}`, {})).body.data).toEqual({
      ...shown,
      updated_at: expect.any(String),
    });
    expect(backend.log.join("")).not.toContain(secret);
  });

  test("hears of everything but progress and pairings where nothing is said", async () => {
    expect((await create()).body.data.kinds).toEqual(DEFAULT_WEBHOOK_KINDS);
    expect(DEFAULT_WEBHOOK_KINDS).not.toContain("campaign.progress");
    // Whoever sees its QR code can link a device of their own.
    expect(DEFAULT_WEBHOOK_KINDS).not.toContain("channel.pairing");
    expect((await create({ kinds: ["channel.pairing"] })).body.data.kinds).toEqual(["channel.pairing"]);
  });

  test("is changed, turned off and on, and removed", async () => {
    const { _id } = (await create()).body.data;
    const changed = await backend.call("PATCH", `${URL}/${_id}`, { url: "https://example.org", kinds: KINDS, enabled: false });
    expect(changed.body.data).toMatchObject({ url: "https://example.org/", kinds: KINDS, enabled: false });
    expect((await backend.call("PATCH", `${URL}/${_id}`, { enabled: true })).body.data.enabled).toBe(true);
    expect((await backend.call("DELETE", `${URL}/${_id}`)).body.data).toEqual({ _id, removed: true });
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["GET", "/deliveries"],
      ["POST", "/test"],
    ] as const) {
      const answer = await backend.call(method, `${URL}/${_id}${path}`);
      expect([answer.status, answer.body.error.code], path).toEqual([404, "WEBHOOK_NOT_FOUND"]);
    }
    expect((await backend.call("PATCH", `${URL}/${_id}`, { enabled: true })).status).toBe(404);
  });

  test.each([
    ["http://127.0.0.1:3004/hook", "private_address"],
    ["http://169.254.169.254/latest/meta-data", "private_address"],
    ["http://[::1]/", "private_address"],
    ["http://2130706433/", "private_address"],
    ["ftp://example.com", "url_protocol"],
    ["https://me:mine@example.com", "url_credentials"],
    ["example.com", "url"],
  ])("is refused at the address %s", async (url, rule) => {
    const { _id } = (await create()).body.data;
    for (const answer of [await create({ url }), await backend.call("PATCH", `${URL}/${_id}`, { url })]) {
      expect([answer.status, answer.body.error.details[0]]).toEqual([400, { field: "url", rule, message: expect.any(String) }]);
    }
  });

  test("may have a private address where that is allowed", async () => {
    const allowing = await openBackend({ webhookTransport: openWebhookTransport({ webhooksToPrivateAddresses: true }) });
    expect((await allowing.call("POST", URL, { url: "http://127.0.0.1:1" })).status).toBe(201);
    await allowing.close();
  });

  test("needs an address and known kinds", async () => {
    expect((await backend.call("POST", URL, {})).status).toBe(400);
    expect((await create({ kinds: ["lead.born"] })).body.error.details[0].field).toBe("kinds[0]");
    expect((await create({ secret: "mine" })).status).toBe(400);
    expect((await create({ kinds: [] })).body.error.details).toEqual([
      {
        field: "kinds",
        rule: "min_items",
        message: "`kinds` must not be empty: leave `kinds` out for all but campaign.progress and channel.pairing.",
      },
    ]);
    const twice = await create({ kinds: [...KINDS, ...KINDS] });
    expect(twice.body.error.details).toMatchObject([{ message: "`kinds` must not hold the same entry twice." }]);
    const emptied = await backend.call("PATCH", `${URL}/none`, { kinds: [] });
    expect(emptied.body.error.details).toMatchObject([{ field: "kinds", message: expect.stringContaining("with `enabled`") }]);
  });

  test("is one too many at some point", async () => {
    for (let count = 0; count < MOST_WEBHOOKS; count += 1) expect((await create()).status).toBe(201);
    expect((await create()).body.error.code).toBe("TOO_MANY_WEBHOOKS");
  });
});

describe("deliveries", () => {
  test("are made of what happens, and show every try", async () => {
    const { _id } = (await create()).body.data;
    await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
    await tryDue(500);
    const { status, body } = await backend.call("GET", `${URL}/${_id}/deliveries`);
    expect([status, body]).toEqual([
      200,
      {
        success: true,
        data: [
          {
            _id: `${_id}-1`,
            webhook_id: _id,
            kind: "leads.imported",
            status: "PENDING",
            due_at: expect.any(String),
            created_at: expect.any(String),
            attempts: [{ at: expect.any(String), duration_ms: 5, status: 500, reason: "It answered 500.", answer: "Thanks" }],
          },
        ],
        pagination: { page: 1, limit: 20, total: 1, totalPages: 1 },
      },
    ]);
  });

  test("of a test are due at once, and any can be tried again", async () => {
    const { _id } = (await create({ kinds: KINDS })).body.data;
    const tested = await backend.call("POST", `${URL}/${_id}/test`);
    expect([tested.status, tested.body.data]).toMatchObject([202, { kind: "webhook.test", status: "PENDING", attempts: [] }]);
    await tryDue(200);
    const deliveries = await backend.call("GET", `${URL}/${_id}/deliveries?limit=1`);
    expect(deliveries.body.data).toMatchObject([{ _id: tested.body.data._id, status: "DELIVERED", due_at: null }]);
    const again = await backend.call("POST", `${URL}/${_id}/deliveries/${tested.body.data._id}/retry`);
    expect([again.status, again.body.data.status]).toEqual([202, "PENDING"]);
    const unknown = await backend.call("POST", `${URL}/${_id}/deliveries/none/retry`);
    expect([unknown.status, unknown.body.error.code]).toEqual([404, "DELIVERY_NOT_FOUND"]);
  });

  test("are not made of a webhook that is off, and it says why it is", async () => {
    const { _id } = (await create({ kinds: KINDS })).body.data;
    const tested = await backend.call("POST", `${URL}/${_id}/test`);
    await tryDue(410);
    const { enabled, off_reason } = (await backend.call("GET", `${URL}/${_id}`)).body.data;
    expect([enabled, off_reason]).toEqual([false, "It answered 410: it wants no more deliveries."]);
    for (const path of ["test", `deliveries/${tested.body.data._id}/retry`]) {
      const refused = await backend.call("POST", `${URL}/${_id}/${path}`);
      expect([refused.status, refused.body.error.code]).toEqual([409, "WEBHOOK_OFF"]);
    }
  });
});
