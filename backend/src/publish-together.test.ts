import { receiptEvent } from "@mini-crm/core/event/heard";
import { expect, test } from "vitest";
import { publishTogether } from "./publish-together.ts";

const event = (messageId: string) => receiptEvent({ messageId, status: "SENT", at: 0, code: null, reason: null });

/** A bus whose publishes end when they are told to, with what each was given. */
function slowBus() {
  const publishes: { keys: string[]; end: (error?: Error) => void }[] = [];
  const publish = publishTogether({
    publish: (events) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error === undefined ? resolve() : reject(error));
        publishes.push({ keys: events.map(({ key }) => key), end });
      }),
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { publishes, publish, turn };
}

test("what comes while a publish is under way goes together with the next one, in its order", async () => {
  const { publishes, publish, turn } = slowBus();
  const first = publish([event("a")]);
  await turn();
  const others = [publish([event("b")]), publish([event("c"), event("d")])];
  await turn();
  expect(publishes.map(({ keys }) => keys)).toEqual([["a"]]);
  publishes[0]?.end();
  await first;
  await turn();
  expect(publishes.map(({ keys }) => keys)).toEqual([["a"], ["b", "c", "d"]]);
  publishes[1]?.end();
  await Promise.all(others);
});

test("nobody is told that theirs is safe before it is", async () => {
  const { publishes, publish, turn } = slowBus();
  let isSafe = false;
  const published = publish([event("a")]).then(() => {
    isSafe = true;
  });
  await turn();
  expect(isSafe).toBe(false);
  publishes[0]?.end();
  await published;
  expect(isSafe).toBe(true);
});

test("a publish that fails fails for those whose events were in it, and for nobody after", async () => {
  const { publishes, publish, turn } = slowBus();
  const outcomes = [publish([event("a")]), publish([event("b")])].map((promise) =>
    promise.then(
      () => "safe",
      () => "failed",
    ),
  );
  await turn();
  expect(publishes.map(({ keys }) => keys)).toEqual([["a", "b"]]);
  const later = publish([event("c")]);
  publishes[0]?.end(new Error("gone"));
  expect(await Promise.all(outcomes)).toEqual(["failed", "failed"]);
  await turn();
  publishes[1]?.end();
  await later;
  expect(publishes[1]?.keys).toEqual(["c"]);
});
