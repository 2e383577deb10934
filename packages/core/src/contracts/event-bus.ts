/** Owns the contract of the `EventBus` port: what every engine behind it must do, proved by the same tests. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AppError } from "../app-error.ts";
import type { CampaignJob, TopicEvent } from "../event/topics.ts";
import type { Batch, Consumer, EventBus } from "../ports/event-bus.ts";
import type { Store } from "../ports/store.ts";
import { draft, startOf } from "./samples.ts";

/** A broker with its data: each `connect` is a process of its own on it, and all end with `close`. */
export interface BusUnderTest {
  /** The store whose steps the bus carries out. */
  store: Store;
  connect(): Promise<EventBus>;
  close(): Promise<void>;
}

type Jobs = Consumer<"campaign.jobs">;

/** Joining a group of consumers takes seconds on some engines. */
const SOON = { timeout: 15_000 };

export function describeEventBus(engine: string, open: () => Promise<BusUnderTest>): void {
  describe(`the event bus on ${engine}`, () => {
    let under: BusUnderTest;
    let bus: EventBus;
    beforeEach(async () => {
      under = await open();
      bus = await under.connect();
    });
    afterEach(() => under.close());

    const consume = (handler: Jobs["handler"], options: Partial<Jobs> & { on?: EventBus } = {}) =>
      (options.on ?? bus).consume({
        topic: "campaign.jobs",
        group: "g",
        batchSize: 10,
        onError: () => {},
        ...options,
        handler,
      });

    describeDelivery(
      consume,
      () => under,
      () => bus,
    );
    describeFailure(consume, () => bus);
  });
}

type Consume = (handler: Jobs["handler"], options?: Partial<Jobs> & { on?: EventBus }) => { close(): Promise<void> };

function job(key: string, after: string | null = null): TopicEvent<"campaign.jobs"> {
  return { topic: "campaign.jobs", key, value: { version: 1, campaign_id: key, after } };
}

function jobs(count: number, keys = 5): TopicEvent<"campaign.jobs">[] {
  return Array.from({ length: count }, (_, index) => job(`key ${index % keys}`, String(index)));
}

function collector() {
  const seen: CampaignJob[] = [];
  const handler = async ({ events }: Batch<"campaign.jobs">) => {
    seen.push(...events.map(({ value }) => value));
  };
  return { seen, handler };
}

function describeDelivery(consume: Consume, under: () => BusUnderTest, bus: () => EventBus): void {
  test("events arrive once and, of one key, in the order in which they were published", async () => {
    const { seen, handler } = collector();
    await bus().publish(jobs(20));
    consume(handler);
    await bus().publish(jobs(20).map((event) => job(event.key, String(Number(event.value.after) + 20))));
    await expect.poll(() => seen.length, SOON).toBe(40);
    for (const key of new Set(seen.map(({ campaign_id }) => campaign_id))) {
      const order = seen.filter(({ campaign_id }) => campaign_id === key).map(({ after }) => Number(after));
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
    await expect.poll(() => bus().lag("campaign.jobs", "g"), SOON).toBe(0);
    expect(seen).toHaveLength(40);
  });

  test("a batch is never larger than asked for", async () => {
    const sizes: number[] = [];
    await bus().publish(jobs(50, 1));
    consume(async ({ events }) => void sizes.push(events.length), { batchSize: 8 });
    await expect.poll(() => sizes.reduce((sum, size) => sum + size, 0), SOON).toBe(50);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8);
  });

  test("every group sees every event", async () => {
    const [first, second] = [collector(), collector()];
    consume(first.handler, { group: "first" });
    consume(second.handler, { group: "second" });
    await bus().publish(jobs(10));
    await expect.poll(() => [first.seen.length, second.seen.length], SOON).toEqual([10, 10]);
  });

  test("processes of one group share the events, and what one publishes wakes the other", async () => {
    const other = await under().connect();
    const here = collector();
    const there = collector();
    consume(here.handler);
    consume(there.handler, { on: other });
    await other.publish(jobs(100, 40));
    await expect.poll(() => here.seen.length + there.seen.length, SOON).toBe(100);
    await expect.poll(() => bus().lag("campaign.jobs", "g"), SOON).toBe(0);
    expect(new Set([...here.seen, ...there.seen].map(({ after }) => after)).size).toBe(100);
  });

  test("what a process leaves when it closes, another takes up", async () => {
    await bus().publish(jobs(30, 1));
    const first = collector();
    const stopped = consume(async (batch) => {
      await first.handler(batch);
      void stopped.close();
    });
    await expect.poll(() => first.seen.length, SOON).toBeGreaterThan(0);
    await stopped.close();
    const left = await bus().lag("campaign.jobs", "g");
    expect(left).toBe(30 - first.seen.length);
    const second = collector();
    consume(second.handler, { on: await under().connect() });
    await expect.poll(() => second.seen.length, SOON).toBe(left);
    expect(new Set([...first.seen, ...second.seen].map(({ after }) => after)).size).toBe(30);
  });

  test("closing waits for the batch in hand and aborts its signal", async () => {
    await bus().publish([job("a")]);
    const started = Promise.withResolvers<void>();
    let ended = false;
    const consumption = consume(async ({ signal }) => {
      started.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended = true;
      throw new Error("given back");
    });
    await started.promise;
    await consumption.close();
    expect(ended).toBe(true);
    expect(await bus().lag("campaign.jobs", "g")).toBe(1);
    expect(await bus().lags("campaign.jobs")).toEqual([{ group: "g", events: 1 }]);
  });

  test("a commit carries out its steps, publishes what they raise, and moves the group on", async () => {
    const campaign = draft();
    await under().store.campaigns.create(campaign);
    await bus().publish([
      {
        topic: "message.statuses",
        key: "m",
        value: { version: 1, message_id: "m", source: "send", status: "SENT", at: 0, code: null, reason: null },
      },
    ]);
    const { seen, handler } = collector();
    consume(handler);
    bus().consume({
      topic: "message.statuses",
      group: "starter",
      batchSize: 1,
      onError: () => {},
      handler: async ({ commit }) => {
        const [started] = await commit([startOf(campaign)]);
        expect(started.kind).toBe("started");
      },
    });
    await expect.poll(() => seen, SOON).toEqual([{ version: 1, campaign_id: campaign._id, after: null }]);
    expect(await under().store.campaigns.read(campaign._id)).toMatchObject({ status: "RUNNING" });
    expect(await bus().lag("message.statuses", "starter")).toBe(0);
  });

  test("steps outside a batch are carried out and raise their events all the same", async () => {
    const campaign = draft();
    await under().store.campaigns.create(campaign);
    const { seen, handler } = collector();
    consume(handler);
    expect(await bus().commit([startOf(campaign)])).toEqual([{ kind: "started" }]);
    await expect.poll(() => seen.length, SOON).toBe(1);
  });
}

function describeFailure(consume: Consume, bus: () => EventBus): void {
  test("a batch whose handler fails comes again, and nothing behind it passes", async () => {
    const { seen, handler } = collector();
    let failures = 2;
    await bus().publish([job("a", "1"), job("a", "2")]);
    consume(
      async (batch) => {
        if (failures > 0) {
          failures -= 1;
          throw new Error("not now");
        }
        await handler(batch);
      },
      { batchSize: 1 },
    );
    await expect.poll(() => seen.map(({ after }) => after), SOON).toEqual(["1", "2"]);
    expect(failures).toBe(0);
    expect(await bus().deadLetters("campaign.jobs", 10)).toEqual([]);
  });

  test("an event that cannot be handled is laid among the dead letters with its reason, and the others go on", async () => {
    const { seen, handler } = collector();
    await bus().publish([job("a", "1"), job("a", "poison"), job("a", "3")]);
    consume(async (batch) => {
      if (batch.events.some(({ value }) => value.after === "poison")) throw new Error("cannot be digested");
      await handler(batch);
    });
    await expect.poll(() => seen.map(({ after }) => after), SOON).toEqual(["1", "3"]);
    await expect
      .poll(() => bus().deadLetters("campaign.jobs", 10), SOON)
      .toEqual([{ key: "a", value: { version: 1, campaign_id: "a", after: "poison" }, reason: "cannot be digested" }]);
    await expect.poll(() => bus().lag("campaign.jobs", "g"), SOON).toBe(0);
  });

  test("an outage of the surroundings is waited out: no event becomes a dead letter", async () => {
    const { seen, handler } = collector();
    let outages = 6;
    await bus().publish([job("a")]);
    consume(async (batch) => {
      if (outages > 0) {
        outages -= 1;
        throw new AppError("STORE_UNAVAILABLE", "down", { retryable: true });
      }
      await handler(batch);
    });
    await expect.poll(() => seen.length, SOON).toBe(1);
    expect(await bus().deadLetters("campaign.jobs", 10)).toEqual([]);
  });
}
