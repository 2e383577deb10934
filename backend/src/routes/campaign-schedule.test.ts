import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";
import { draftCampaign, FIVE_LEADS } from "../test-campaign.ts";
import { signOfLife } from "../test-channel.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
});
afterAll(() => backend.close());

const iso = (at: number) => new Date(at).toISOString();
const inAnHour = () => iso(backend.clock.now() + HOUR_MS);
const tell = (id: string, command: string, body?: object) => backend.call("POST", `/api/v1/campaigns/${id}/${command}`, body);
const read = async (id: string) => (await backend.call("GET", `/api/v1/campaigns/${id}`)).body.data;
async function draftId(): Promise<string> {
  return (await draftCampaign(backend)).campaignId;
}

describe("scheduling a campaign", () => {
  test("says when it starts, as often as anybody asks, and the last time counts", async () => {
    const id = await draftId();
    const at = inAnHour();
    for (let time = 0; time < 2; time += 1) {
      const { status, body } = await tell(id, "schedule", { at });
      expect([status, body.data]).toMatchObject([200, { _id: id, status: "SCHEDULED", scheduled_at: at, hold: null }]);
    }
    const later = iso(backend.clock.now() + 2 * HOUR_MS);
    expect((await tell(id, "schedule", { at: later, grace_minutes: 5 })).body.data.scheduled_at).toBe(later);
    expect((await backend.store.campaigns.read(id))?.schedule_grace_ms).toBe(5 * MINUTE_MS);
    expect((await backend.call("GET", "/api/v1/campaigns?status=SCHEDULED")).body.data[0]).toMatchObject({ _id: id });
    for (let time = 0; time < 2; time += 1) {
      const { status, body } = await tell(id, "unschedule");
      expect([status, body.data]).toMatchObject([200, { status: "DRAFT", scheduled_at: null, waitingFor: null }]);
    }
  });

  test("takes the time on somebody's clocks", async () => {
    const id = await draftId();
    const year = new Date(backend.clock.now()).getUTCFullYear() + 1;
    const { body } = await tell(id, "schedule", { at: `${year}-01-24T09:00`, timezone: "Europe/Berlin" });
    expect(body.data.scheduled_at).toBe(`${year}-01-24T08:00:00.000Z`);
    expect((await backend.store.campaigns.read(id))?.schedule_grace_ms).toBe(HOUR_MS);
  });

  test.each([
    ["at", "date_time", { at: "tomorrow" }],
    ["at", "required", {}],
    ["at", "range", { at: "2020-01-01T00:00:00Z" }],
    ["timezone", "required", { at: "2026-12-24T09:00" }],
    ["timezone", "time_zone", { at: "2026-12-24T09:00", timezone: "Mars" }],
    ["grace_minutes", "max", { at: "2026-12-24T09:00Z", grace_minutes: 10_081 }],
    ["colour", "unknown_field", { at: "2026-12-24T09:00Z", colour: "red" }],
  ])("is refused for its %s: %s", async (field, rule, body) => {
    const answer = await tell(await draftId(), "schedule", body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.details[0]).toMatchObject({ field, rule: expect.stringContaining(rule) });
  });

  test("after it was started is refused with the reason", async () => {
    const id = await draftId();
    await tell(id, "run");
    const details = "It is RUNNING, and only a DRAFT or SCHEDULED one can be scheduled";
    const refused = await tell(id, "schedule", { at: inAnHour() });
    expect([refused.status, refused.body.error]).toEqual([
      409,
      { message: "The campaign cannot be scheduled", code: "CAMPAIGN_NOT_SCHEDULABLE", details },
    ]);
    const unscheduled = await tell(id, "unschedule");
    expect([unscheduled.status, unscheduled.body.error.code]).toEqual([409, "CAMPAIGN_NOT_UNSCHEDULABLE"]);
  });

  test("for a time at which it has expired is refused with the reason", async () => {
    const id = await draftId();
    await backend.call("PATCH", `/api/v1/campaigns/${id}`, { expires_at: inAnHour() });
    const refused = await tell(id, "schedule", { at: iso(backend.clock.now() + 2 * HOUR_MS) });
    expect([refused.status, refused.body.error.code]).toEqual([409, "CAMPAIGN_NOT_SCHEDULABLE"]);
    expect(refused.body.error.details).toMatch(/^It expires at .*, before it would start/);
  });

  test.each(["schedule", "unschedule"])("of one that does not exist is 404: %s", async (command) => {
    const answer = await tell("0".repeat(24), command, command === "schedule" ? { at: inAnHour() } : undefined);
    expect([answer.status, answer.body.error.code]).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
  });
});

describe("a scheduled campaign", () => {
  test("can be run at once", async () => {
    const id = await draftId();
    await tell(id, "schedule", { at: inAnHour() });
    expect((await tell(id, "run")).status).toBe(200);
    expect(await read(id)).toMatchObject({ status: "RUNNING", stats: { audience: 3 } });
  });

  test("is changed or removed only after it was unscheduled, and says so", async () => {
    const id = await draftId();
    const url = `/api/v1/campaigns/${id}`;
    await tell(id, "schedule", { at: inAnHour() });
    const change = await backend.call("PATCH", url, { name: "x" });
    expect([change.status, change.body.error.details]).toEqual([
      409,
      "It is SCHEDULED, and only a DRAFT can be changed: unschedule it, change it, and schedule it again",
    ]);
    const removal = await backend.call("DELETE", url);
    expect([removal.status, removal.body.error.code, removal.body.error.details]).toEqual([
      409,
      "CAMPAIGN_IN_PROGRESS",
      "It is SCHEDULED: unschedule it first",
    ]);
    await tell(id, "unschedule");
    expect((await backend.call("PATCH", url, { name: "x" })).status).toBe(200);
    expect((await backend.call("DELETE", url)).status).toBe(200);
  });

  test("that waits for a person shows why", async () => {
    const id = await draftId();
    await tell(id, "schedule", { at: inAnHour() });
    const hold = { code: "schedule_missed", reason: "It was to start an hour ago", at: backend.clock.now() };
    await backend.bus.commit([{ step: "hold", input: { campaign_id: id, hold } }]);
    expect(await read(id)).toMatchObject({
      status: "SCHEDULED",
      hold: { ...hold, at: iso(hold.at) },
      waitingFor: { kind: "person", until: null, text: "Waits for a person: it was to start an hour ago" },
      estimated_done_at: null,
    });
  });
});

describe("a campaign under way says", () => {
  afterEach(() => backend.store.processes.gone("w1"));

  const limits = { ...NO_LIMITS, rate: { messages: 2, windowMs: 60_000 } };

  test("what it waits for, one by one and in the list", async () => {
    const id = await draftId();
    const at = inAnHour();
    await tell(id, "schedule", { at });
    expect((await read(id)).waitingFor).toMatchObject({ kind: "schedule", until: at });
    await tell(id, "run");
    expect((await read(id)).waitingFor).toMatchObject({ kind: "workers", until: null });
    await signOfLife(backend, { connected: false, state: "reconnecting", reason: "No network", limits });
    expect((await read(id)).waitingFor).toMatchObject({ kind: "audience" });
    const expand = { campaign_id: id, after: null, leadsPerWindow: 1_000, now: backend.clock.now() };
    await backend.bus.commit([{ step: "expand", input: expand }]);
    const connection = { kind: "connection", until: null, text: "Waits for the connection to WhatsApp: No network" };
    expect((await read(id)).waitingFor).toEqual(connection);
    expect((await backend.call("GET", "/api/v1/campaigns?status=RUNNING&limit=1")).body.data).toMatchObject([
      { _id: id, waitingFor: connection, estimated_done_at: null },
    ]);
    const paused = await tell(id, "pause");
    expect(paused.body.data.waitingFor).toMatchObject({ kind: "person" });
  });

  test("how fast it goes and when it will be done", async () => {
    await signOfLife(backend, { limits });
    for (const { _id } of (await backend.call("GET", "/api/v1/campaigns?status=RUNNING")).body.data) await tell(_id, "cancel");
    const id = await draftId();
    await tell(id, "run");
    const now = backend.clock.now();
    await backend.bus.commit([{ step: "expand", input: { campaign_id: id, after: null, leadsPerWindow: 1_000, now } }]);
    const begun = await read(id);
    expect(begun).toMatchObject({ waitingFor: null, rate_per_minute: 0 });
    // Two of three go at once, the third a minute later.
    expect(Date.parse(begun.estimated_done_at) - now).toBeGreaterThanOrEqual(MINUTE_MS);
    const request = { channel_id: "default", worker: "w1", limits, now };
    const range = { after: null, up_to: "f".repeat(24), max: 2, leaseMs: MINUTE_MS };
    const claim = await backend.store.messages.claim({ ...request, ...range, campaign_id: id });
    if (claim.kind !== "claimed") throw new Error(`Nothing was claimed: ${claim.kind}`);
    const messages = claim.messages.map(({ _id, attempt, phone }) => ({ _id, attempt, phone: phone ?? "", text: "Hi" }));
    await backend.store.messages.admit({ ...request, messages });
    const until = iso(now + MINUTE_MS);
    expect(await read(id)).toMatchObject({
      waitingFor: { kind: "rate_limit", until, text: expect.stringContaining("2 messages a minute, goes on at") },
      rate_per_minute: 2,
      estimated_done_at: until,
    });
  });
});
