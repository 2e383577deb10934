/** Owns the contract of webhooks in a store: who hears of what, once, and how tries follow each other. */
import { expect, test } from "vitest";
import { type ActivityKind, type NewActivity } from "../../activity/activity.ts";
import { type Store } from "../../ports/store.ts";
import { type ClaimedDelivery } from "../../ports/webhook-store.ts";
import { type TransportAnswer } from "../../ports/webhook-transport.ts";
import { DEFAULT_WEBHOOK_KINDS, KEPT_ATTEMPTS, MOST_WEBHOOKS, type Webhook } from "../../webhook/webhook.ts";
import { NOW, newId } from "../samples.ts";
import { HOUR_MS, running, steer } from "./world.ts";

const OK: TransportAnswer = { kind: "answered", status: 204, excerpt: "" };
const BROKEN: TransportAnswer = { kind: "answered", status: 500, excerpt: "Oh no" };
const LEASE_MS = 30_000;
const DAY_MS = 24 * HOUR_MS;
const FIRST_PAGE = { page: 1, limit: 100 };

const OPTED_OUT: NewActivity = { at: NOW, kind: "lead.opted_out", subject: "a".repeat(24), data: { source: "STOP" } };

export function describeWebhooks(store: () => Store): void {
  const webhook = async (kinds: readonly ActivityKind[] = DEFAULT_WEBHOOK_KINDS): Promise<Webhook> => {
    const made: Webhook = {
      _id: newId(),
      url: "https://example.com/hook",
      secret: "whsec_c2VjcmV0",
      kinds: [...kinds],
      enabled: true,
      off_reason: null,
      failing_since: null,
      created_at: NOW,
      updated_at: NOW,
    };
    expect(await store().webhooks.create(made)).toEqual({ kind: "created" });
    return made;
  };
  const claim = (now = NOW, { busy = [], perWebhook = 10 }: { busy?: string[]; perWebhook?: number } = {}) =>
    store().webhooks.claim({ busy, perWebhook, leaseMs: LEASE_MS, now });
  const claimOne = async (now = NOW): Promise<ClaimedDelivery> => {
    const [first] = await claim(now);
    if (first === undefined) throw new Error("Nothing was due");
    return first;
  };
  const record = ({ _id, attempt }: ClaimedDelivery, answer: TransportAnswer, now = NOW) =>
    store().webhooks.record({ delivery_id: _id, attempt, answer, durationMs: 20, now });
  const deliveriesOf = async ({ _id }: Webhook) => (await store().webhooks.deliveries(_id, FIRST_PAGE)).items;

  test("a webhook is kept, listed, changed and removed with what is on its way to it", async () => {
    const [one, other] = [await webhook(), await webhook(["channel.state"])];
    expect(await store().webhooks.read(one._id)).toEqual(one);
    expect(await store().webhooks.list()).toEqual([one, other]);
    expect(await store().webhooks.change(one._id, { kinds: ["lead.opted_out"] }, NOW + 1)).toEqual({
      ...one,
      kinds: ["lead.opted_out"],
      updated_at: NOW + 1,
    });
    await store().activity.note([OPTED_OUT]);
    expect(await store().webhooks.remove(one._id)).toBe(true);
    expect(await store().webhooks.remove(one._id)).toBe(false);
    expect(await store().webhooks.change(one._id, {}, NOW)).toBeNull();
    expect(await deliveriesOf(one)).toEqual([]);
    expect(await claim()).toEqual([]);
  });

  test("there are only so many", async () => {
    const webhooks: Webhook[] = [];
    for (let count = 1; count < MOST_WEBHOOKS; count += 1) webhooks.push(await webhook());
    const more = () => store().webhooks.create({ ...(webhooks[0] as Webhook), _id: newId() });
    const created = await Promise.all([more(), more()]);
    expect(created.map(({ kind }) => kind).sort()).toEqual(["created", "full"]);
    expect(await more()).toEqual({ kind: "full" });
  });

  test("one that is removed while somebody notes activities leaves nothing behind", async () => {
    const made = await webhook();
    const noting = [1, 2, 3, 4].map(() => store().activity.note([OPTED_OUT]));
    const [removed] = await Promise.all([store().webhooks.remove(made._id), ...noting]);
    expect(removed).toBe(true);
    expect(await deliveriesOf(made)).toEqual([]);
  });

  test("each webhook hears once of each activity that it wants, and the body says what happened", async () => {
    const [all, channels] = [await webhook(), await webhook(["channel.state"])];
    const campaign = await running(store(), 1);
    await steer(store(), campaign, "pause");
    const claimed = await claim();
    expect(claimed.map(({ webhook_id }) => webhook_id)).toEqual([all._id, all._id]);
    expect(new Set(claimed.map(({ _id }) => _id)).size).toBe(2);
    expect(claimed[0]).toMatchObject({ url: all.url, secret: all.secret, attempt: 1 });
    expect(JSON.parse(claimed[0]?.body ?? "")).toEqual({
      type: "campaign.started",
      timestamp: new Date(NOW).toISOString(),
      data: {
        subject: campaign._id,
        name: campaign.name,
        status: "RUNNING",
        stats: expect.objectContaining({ audience: 1 }),
        reason: null,
      },
    });
    expect(await deliveriesOf(channels)).toEqual([]);
  });

  test("what is claimed is nobody else's until its lease ends, and a late word of the first claim changes nothing", async () => {
    await webhook();
    await store().activity.note([OPTED_OUT]);
    const first = await claimOne();
    expect(await claim(NOW + LEASE_MS - 1)).toEqual([]);
    const second = await claimOne(NOW + LEASE_MS);
    expect([second._id, second.attempt]).toEqual([first._id, 2]);
    expect(await record(first, OK)).toBeNull();
    expect(await record(second, OK)).toEqual({ status: "DELIVERED", turnedOff: null });
    expect(await claim(NOW + DAY_MS)).toEqual([]);
  });

  test("what several claim at once is claimed by one of them", async () => {
    await webhook();
    await store().activity.note(Array.from({ length: 8 }, () => OPTED_OUT));
    const claims = await Promise.all([claim(), claim(NOW, { perWebhook: 3 }), claim(NOW, { perWebhook: 3 })]);
    const ids = claims.flatMap((claimed) => claimed.map(({ _id }) => _id));
    expect([ids.length, new Set(ids).size]).toEqual([8, 8]);
  });

  test("of each webhook only so many are claimed at once, and none of one that is busy", async () => {
    const [one, other] = [await webhook(), await webhook()];
    await store().activity.note([OPTED_OUT, OPTED_OUT, OPTED_OUT]);
    expect((await claim(NOW, { perWebhook: 2, busy: [one._id] })).map(({ webhook_id }) => webhook_id)).toEqual([
      other._id,
      other._id,
    ]);
    expect(await claim(NOW, { busy: [one._id, other._id] })).toEqual([]);
    expect(await claim()).toHaveLength(4);
  });

  test("a try that fails is followed by another one later, and the log shows both", async () => {
    const made = await webhook();
    await store().activity.note([OPTED_OUT]);
    expect(await record(await claimOne(), BROKEN)).toEqual({ status: "PENDING", turnedOff: null });
    expect(await claim(NOW + 4_999)).toEqual([]);
    expect(await store().webhooks.read(made._id)).toMatchObject({ enabled: true, failing_since: NOW });
    expect(await record(await claimOne(NOW + 5_000), OK, NOW + 5_000)).toEqual({ status: "DELIVERED", turnedOff: null });
    expect(await store().webhooks.read(made._id)).toMatchObject({ failing_since: null });
    expect(await deliveriesOf(made)).toEqual([
      {
        _id: expect.any(String),
        webhook_id: made._id,
        kind: "lead.opted_out",
        status: "DELIVERED",
        due_at: null,
        created_at: NOW,
        attempts: [
          { at: NOW - 20, duration_ms: 20, status: 500, reason: "It answered 500.", answer: "Oh no" },
          { at: NOW + 4_980, duration_ms: 20, status: 204, reason: null, answer: "" },
        ],
      },
    ]);
  });

  test("a webhook that is told to stop, or fails for a day, is turned off with the reason", async () => {
    const gone = await webhook();
    await store().activity.note([OPTED_OUT, OPTED_OUT]);
    const answer: TransportAnswer = { kind: "answered", status: 410, excerpt: "" };
    const recorded = await record(await claimOne(), answer);
    expect(recorded).toEqual({ status: "FAILED", turnedOff: expect.stringContaining("410") });
    expect(await store().webhooks.read(gone._id)).toMatchObject({ enabled: false, off_reason: expect.stringContaining("410") });
    expect(await claim(NOW + DAY_MS)).toEqual([]);

    const failing = await webhook();
    await store().activity.note([OPTED_OUT, OPTED_OUT]);
    const [first, second] = await claim();
    if (first === undefined || second === undefined) throw new Error("Two were expected");
    await record(first, BROKEN, NOW);
    expect(await record(second, BROKEN, NOW + DAY_MS)).toMatchObject({ turnedOff: expect.stringContaining("It answered 500.") });
    expect(await store().webhooks.read(failing._id)).toMatchObject({ enabled: false });
  });

  test("turned off it hears of nothing new, and turned on again it gets what has waited", async () => {
    const made = await webhook();
    await store().activity.note([OPTED_OUT]);
    const inFlight = await claimOne();
    await store().activity.note([OPTED_OUT]);
    await store().webhooks.change(made._id, { enabled: false }, NOW);
    await store().activity.note([OPTED_OUT]);
    await record(inFlight, BROKEN);
    expect(await claim(NOW + DAY_MS)).toEqual([]);
    expect((await deliveriesOf(made)).map(({ status, due_at }) => [status, due_at])).toEqual([
      ["PENDING", null],
      ["PENDING", null],
    ]);
    expect(await store().webhooks.test(made._id, "t", NOW)).toEqual({ kind: "off" });
    expect(await store().webhooks.retry(made._id, inFlight._id, NOW)).toEqual({ kind: "off" });
    expect(await store().webhooks.change(made._id, { enabled: true }, NOW + 1)).toMatchObject({
      enabled: true,
      off_reason: null,
      failing_since: null,
    });
    expect(await claim(NOW + 1)).toHaveLength(2);
  });

  test("a test is due at once, and so is any delivery that a person has tried again", async () => {
    const made = await webhook([]);
    const tested = await store().webhooks.test(made._id, "the-test", NOW);
    expect(tested).toMatchObject({
      kind: "due",
      delivery: { _id: "the-test", kind: "webhook.test", status: "PENDING", due_at: NOW },
    });
    const claimed = await claimOne();
    expect(JSON.parse(claimed.body)).toMatchObject({ type: "webhook.test", data: { subject: made._id } });
    await record(claimed, OK);
    const again = await store().webhooks.retry(made._id, "the-test", NOW + 9);
    expect(again).toMatchObject({ kind: "due", delivery: { status: "PENDING", due_at: NOW + 9, attempts: [{ status: 204 }] } });
    expect((await claimOne(NOW + 9)).attempt).toBe(2);
    expect(await store().webhooks.retry(made._id, "another", NOW)).toEqual({ kind: "not_found" });
    expect(await store().webhooks.retry("another", "the-test", NOW)).toEqual({ kind: "not_found" });
    expect(await store().webhooks.test("another", "x", NOW)).toEqual({ kind: "not_found" });
  });

  test("the log holds the last tries, and forgets old deliveries", async () => {
    const made = await webhook([]);
    await store().webhooks.test(made._id, "old", NOW);
    for (let tries = 0; tries < KEPT_ATTEMPTS + 5; tries += 1) {
      await record(await claimOne(NOW + tries), BROKEN, NOW + tries);
      await store().webhooks.retry(made._id, "old", NOW + tries + 1);
    }
    const [old] = await deliveriesOf(made);
    expect([old?.attempts.length, old?.attempts[0]?.at]).toEqual([KEPT_ATTEMPTS, NOW + 5 - 20]);
    await store().webhooks.test(made._id, "new", NOW + 10);
    expect(await store().webhooks.sweep(NOW + 10)).toBe(1);
    expect((await deliveriesOf(made)).map(({ _id }) => _id)).toEqual(["new"]);
  });
}
