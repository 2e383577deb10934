/** Proves how a batch is brought to its end, whatever its handler and its commits do. */
import { AppError } from "@mini-crm/core/app-error";
import type { Batch } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { expect, test } from "vitest";
import { type CommitHandled, type DeadTopicEvent, handleBatch } from "./delivery.ts";

const MINUTE_MS = 60_000;

/** A batch of the events `after`, on a bus that commits what `refuses` lets pass. */
function delivery(after: readonly string[], handler: (batch: Batch<"campaign.jobs">) => Promise<void>) {
  const clock = virtualClock();
  const stopping = new AbortController();
  const errors: string[] = [];
  const dead: DeadTopicEvent[] = [];
  const bus = { handled: 0, refusal: null as Error | null };
  const commit: CommitHandled = async <S extends readonly Step[]>(
    _steps: S,
    letters: readonly DeadTopicEvent[],
    handled: number,
  ) => {
    if (bus.refusal !== null) throw bus.refusal;
    bus.handled = handled;
    dead.push(...letters);
    return [] as StepResults<S>;
  };
  const events = after.map((name) => ({ key: "k", value: { version: 1 as const, campaign_id: "k", after: name } }));
  const onError = (error: unknown) => void errors.push(String(error));
  const consumer = { topic: "campaign.jobs" as const, group: "g", batchSize: 10, handler, onError };
  const backoff = { firstMs: 100, mostMs: 1_000, tries: 3 };
  let ended: boolean | null = null;
  void handleBatch({ consumer, events, signal: stopping.signal, clock, backoff, commit }).then((done) => {
    ended = done;
  });
  return { clock, bus, dead, errors, stop: () => stopping.abort(), ended: () => ended };
}

const unavailable = () => new AppError("BUS_UNAVAILABLE", "down", { retryable: true });
const refusing = (poison: string) => async (batch: Batch<"campaign.jobs">) => {
  if (batch.events.some(({ value }) => value.after === poison)) throw new Error("indigestible");
};

test("a batch that cannot be handled is taken apart, and only what is wrong is laid aside", async () => {
  const { clock, bus, dead, ended } = delivery(["1", "poison", "3"], refusing("poison"));
  await clock.advance(MINUTE_MS);
  expect(ended()).toBe(true);
  expect(bus.handled).toBe(3);
  expect(dead.map(({ topic, value }) => ({ topic, value }))).toEqual([
    {
      topic: "campaign.jobs.dead",
      value: { version: 1, value: { version: 1, campaign_id: "k", after: "poison" }, reason: "indigestible" },
    },
  ]);
});

test("what cannot be laid aside holds up what is behind it, and is laid aside when it can be", async () => {
  const seen: string[] = [];
  const { clock, bus, dead, ended } = delivery(["1", "poison", "3"], async (batch) => {
    await refusing("poison")(batch);
    if (batch.events.length > 1) return;
    seen.push(...batch.events.map(({ value }) => value.after ?? ""));
    if (batch.events[0]?.value.after === "1") {
      await batch.commit([]);
      bus.refusal = unavailable();
    }
  });
  await clock.advance(MINUTE_MS);
  expect({ ended: ended(), handled: bus.handled, seen }).toEqual({ ended: null, handled: 1, seen: ["1"] });
  bus.refusal = null;
  await clock.advance(MINUTE_MS);
  expect({ ended: ended(), handled: bus.handled, seen }).toEqual({ ended: true, handled: 3, seen: ["1", "3"] });
  expect(dead).toHaveLength(1);
});

test("a batch that another process has taken over is given back at once", async () => {
  const { clock, bus, errors, ended } = delivery(["1"], async () => {});
  bus.refusal = new AppError("SUPERSEDED", "taken over", { retryable: true });
  await clock.advance(1);
  expect(ended()).toBe(false);
  expect(errors).toHaveLength(1);
});

test("an outage is waited out for as long as it lasts, and a consumer that closes does not wait for its end", async () => {
  const { clock, dead, stop, errors, ended } = delivery(["1"], () => Promise.reject(unavailable()));
  await clock.advance(60 * MINUTE_MS);
  expect(ended()).toBe(null);
  expect(dead).toEqual([]);
  const tries = errors.length;
  expect(tries).toBeGreaterThan(1_000);
  stop();
  await clock.advance(0);
  expect(ended()).toBe(false);
  expect(errors).toHaveLength(tries);
});

test("a failure after the commit is told, and does not bring the batch back", async () => {
  let handled = 0;
  const { clock, errors, ended } = delivery(["1"], async ({ commit }) => {
    handled += 1;
    await commit([]);
    throw new Error("too late");
  });
  await clock.advance(MINUTE_MS);
  expect({ ended: ended(), handled, errors }).toEqual({ ended: true, handled: 1, errors: ["Error: too late"] });
});
