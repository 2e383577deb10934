import { connect } from "node:net";
import { ACTIVITY_KINDS, KEPT_ACTIVITIES, type NewActivity } from "@mini-crm/core/activity/activity";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { openEngines } from "@mini-crm/runtime/engines";
import { ActivityKindJson } from "@mini-crm/wire/activity";
import { afterEach, describe, expect, test } from "vitest";
import { MOST_WATCHERS } from "../live.ts";
import { openBackend } from "../test-backend.ts";
import { draftCampaign, FIVE_LEADS } from "../test-campaign.ts";
import { type EventStream, openEventStream } from "../test-event-stream.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function listening(changes: Parameters<typeof openBackend>[0] = {}) {
  const backend = await openBackend(changes);
  opened.push(() => backend.close());
  const url = await backend.app.listen({ host: "127.0.0.1", port: 0 });
  const events = (query = "", headers: Record<string, string> = {}): Promise<EventStream> =>
    openEventStream(`${url}/api/v1/events${query}`, headers);
  return { backend, url, events };
}

const optedOut = (subject: string): NewActivity => ({ at: 0, kind: "lead.opted_out", subject, data: { source: "STOP" } });
const received = (text: string): NewActivity => {
  return {
    at: 0,
    kind: "message.received",
    subject: null,
    data: { channel_id: "default", from: "+14155550101", name: null, text },
  };
};
const idsOf = (stream: EventStream) => stream.events.map(({ id }) => id);
const kindsOf = (stream: EventStream) => stream.events.map(({ event }) => event);

describe("the stream of events", () => {
  test("tells what happens from then on, as it happens", async () => {
    const { backend, events } = await listening();
    await backend.store.activity.note([optedOut("before")]);
    const stream = await events();
    expect([stream.status, stream.headers["content-type"]]).toEqual([200, "text/event-stream; charset=utf-8"]);
    expect(stream.headers).toMatchObject({ "x-content-type-options": "nosniff", "x-request-id": expect.any(String) });
    await stream.until(() => stream.text().startsWith("retry: 2000\nid: 1\n\n"));

    await backend.call("POST", "/api/v1/leads/bulk", { leads: [...FIVE_LEADS, {}] });
    const { campaignId } = await draftCampaign(backend);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/run`);
    await backend.call("POST", `/api/v1/campaigns/${campaignId}/pause`);
    await stream.until(() => stream.events.length === 3);
    expect(stream.events).toMatchObject([
      { id: 2, event: "leads.imported", data: { subject: null, accepted: 5, inserted: 5, rejected: 1 } },
      { id: 3, event: "campaign.started", data: { subject: campaignId, name: "Rewards", status: "RUNNING" } },
      { id: 4, event: "campaign.paused", data: { status: "PAUSED", stats: { audience: 3, pending: 3, sent: 0 } } },
    ]);
    expect(stream.events[1]?.data["at"]).toMatch(/^\d{4}-.*Z$/);
  });

  test("tells what another process does", async () => {
    const { backend, events } = await listening();
    const stream = await events();
    const other = await openEngines({ dataDir: backend.dataDir });
    await other.store.activity.note([optedOut("elsewhere")]);
    await stream.until(() => stream.events.length === 1);
    expect(stream.events).toMatchObject([{ id: 1, event: "lead.opted_out", data: { subject: "elsewhere" } }]);
    await other.close();
  });

  test("goes on behind the last event that was seen, without a gap or a repeat", async () => {
    const { backend, events } = await listening();
    const note = (...subjects: string[]) => backend.store.activity.note(subjects.map(optedOut));
    await note("1", "2", "3");
    const first = await events("", { "last-event-id": "1" });
    await first.until(() => first.events.length === 2);
    first.close();
    await note("4", "5");
    const second = await events("?last_event_id=1", { "last-event-id": "3" });
    await second.until(() => second.events.length === 2);
    const byQuery = await events("?last_event_id=0");
    await byQuery.until(() => byQuery.events.length === 5);
    expect([idsOf(first), idsOf(second), idsOf(byQuery)]).toEqual([
      [2, 3],
      [4, 5],
      [1, 2, 3, 4, 5],
    ]);
  });

  test("says so where what is asked for is gone, or was never there, and goes on from now", async () => {
    const { backend, events } = await listening();
    await backend.store.activity.note(Array.from({ length: KEPT_ACTIVITIES + 3 }, () => optedOut("x")));
    for (const lastSeen of ["2", String(KEPT_ACTIVITIES + 4), "nonsense"]) {
      const stream = await events("", { "last-event-id": lastSeen });
      await stream.until(() => stream.events.length === 1);
      expect(stream.events, lastSeen).toMatchObject([{ id: KEPT_ACTIVITIES + 3, event: "reset" }]);
      stream.close();
    }
    const whole = await events("", { "last-event-id": "3" });
    await whole.until(() => whole.events.length === KEPT_ACTIVITIES);
    expect(idsOf(whole)).toEqual(Array.from({ length: KEPT_ACTIVITIES }, (_, index) => index + 4));
  });

  test("holds only the kinds, or the campaign, that are asked for", async () => {
    const { backend, events } = await listening();
    const byKind = await events("?kinds=lead.opted_out,%20message.received");
    const { campaignId } = await draftCampaign(backend);
    const bySubject = await events(`?campaign_id=${campaignId}`);
    await backend.store.activity.note([optedOut("a"), optedOut(campaignId), received("Hi")]);
    await Promise.all([byKind.until(() => byKind.events.length === 3), bySubject.until(() => bySubject.events.length === 1)]);
    await backend.call("POST", "/api/v1/leads/bulk", { leads: FIVE_LEADS });
    await backend.store.activity.note([optedOut(campaignId)]);
    await Promise.all([byKind.until(() => byKind.events.length === 4), bySubject.until(() => bySubject.events.length === 2)]);
    expect(kindsOf(byKind)).toEqual(["lead.opted_out", "lead.opted_out", "message.received", "lead.opted_out"]);
    expect(idsOf(bySubject)).toEqual([2, 5]);
    const unknown = await backend.call("GET", "/api/v1/events?campaign_id=nope");
    expect([unknown.status, unknown.body.error.code]).toEqual([404, "CAMPAIGN_NOT_FOUND"]);
  });

  test("is refused for kinds that there are not, and needs the API key where there is one", async () => {
    const { backend } = await listening();
    const answer = await backend.call("GET", "/api/v1/events?kinds=lead.opted_out,lead.born");
    expect([answer.status, answer.body.error.details[0].field]).toEqual([400, "kinds"]);
    const { events } = await listening({ apiKey: "a-key-of-enough-characters" });
    expect((await events()).status).toBe(401);
    expect((await events("", { "x-api-key": "a-key-of-enough-characters" })).status).toBe(200);
  });

  test("is open to so many at once and no more, until one goes", async () => {
    const { backend, events } = await listening();
    const streams = await Promise.all(Array.from({ length: MOST_WATCHERS }, () => events()));
    const refused = await backend.call("GET", "/api/v1/events");
    expect([refused.status, refused.body.error.code]).toEqual([503, "TOO_MANY_WATCHERS"]);
    streams[0]?.close();
    let status = 503;
    while (status === 503) ({ status } = await events());
    expect(status).toBe(200);
  });

  test("ends at once when the server closes", async () => {
    const { backend, events } = await listening();
    const stream = await events();
    await Promise.all([backend.app.close(), stream.ended]);
    expect(stream.text()).toBe("retry: 2000\nid: 0\n\n");
  });
});

describe("in virtual time", () => {
  async function inVirtualTime() {
    let settle = async (): Promise<void> => undefined;
    const clock = virtualClock({ settle: () => settle() });
    const { backend, url, events } = await listening({ clock });
    // The hub's looks take the same way to the store, and are answered before.
    settle = async () => {
      await backend.store.ping();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { backend, url, events, clock };
  }

  test("a stream without news shows that it lives, and keeps the last number fresh where nothing is wanted", async () => {
    const { backend, events, clock } = await inVirtualTime();
    const stream = await events("?kinds=channel.state");
    await backend.store.activity.note([optedOut("x"), optedOut("y")]);
    await clock.advance(16_000);
    await stream.until(() => stream.text().includes(": still here\nid: 2\n\n"));
    expect(stream.events).toEqual([]);
  });

  test("who takes nothing is closed, gets the rest on coming back, and holds nobody up", async () => {
    const { backend, url, events, clock } = await inVirtualTime();
    const slow = slowWatcher(url);
    const quick = await events();
    const count = 6_000;
    for (let sent = 0; sent < count; sent += 500) {
      await backend.store.activity.note(Array.from({ length: 500 }, () => received("x".repeat(4_000))));
      await clock.advance(1_000);
    }
    while (quick.events.length < count) await clock.advance(250);
    await clock.advance(20_000);

    slow.read();
    await slow.closed;
    const seen = [...slow.text().matchAll(/^id: (\d+)\nevent: message\.received\ndata: .*\n\n/gm)].map(([, id]) => Number(id));
    expect(seen.length).toBeLessThan(count);
    const rest = await events("", { "last-event-id": String(seen.at(-1) ?? 0) });
    while (rest.events.length < count - seen.length) await clock.advance(250);
    expect([...seen, ...idsOf(rest)]).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  test("who was slow for so long that something is gone hears of it", async () => {
    const { backend, url, clock } = await inVirtualTime();
    const slow = slowWatcher(url);
    for (let round = 0; round < 6; round += 1) {
      await backend.store.activity.note(Array.from({ length: 500 }, () => received("x".repeat(4_000))));
      await clock.advance(250);
    }
    // Enough that what it waits for goes; and so fast that it is not closed for being slow.
    await backend.store.activity.note(Array.from({ length: KEPT_ACTIVITIES }, () => optedOut("x")));
    slow.read();
    while (!slow.text().includes("event: lead.opted_out")) await clock.advance(250);
    const ids = [...slow.text().matchAll(/^id: (\d+)\nevent: (.+)$/gm)].map(([, id, event]) => ({ id: Number(id), event }));
    const reset = ids.findIndex(({ event }) => event === "reset");
    expect(ids[reset]).toEqual({ id: 3_000, event: "reset" });
    expect(ids[reset - 1]?.id).toBeLessThan(3_000);
    expect(ids[reset + 1]).toEqual({ id: 3_001, event: "lead.opted_out" });
  });
});

/** A connection that takes nothing until it is told to. */
function slowWatcher(url: string) {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url).port) });
  opened.push(() => socket.destroy());
  socket.pause().write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  let text = "";
  const closed = new Promise((resolve) => socket.on("close", resolve).on("error", () => undefined));
  const read = () =>
    void socket
      .setEncoding("latin1")
      .on("data", (chunk: string) => (text += chunk))
      .resume();
  return { read, closed, text: () => text };
}

test("the wire names the activities that there are", () => {
  expect(ActivityKindJson.enum).toEqual(ACTIVITY_KINDS);
});
