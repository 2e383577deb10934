import { expect, test } from "vitest";
import { together } from "./together.ts";

/** Writes that end when they are told to, with what each was given. */
function slowWrites() {
  const writes: { items: readonly string[]; end: (error?: Error) => void }[] = [];
  const write = together<string>(
    (items) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error === undefined ? resolve() : reject(error));
        writes.push({ items, end });
      }),
  );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { writes, write, turn };
}

test("what comes while a write is under way goes together with the next one, in its order", async () => {
  const { writes, write, turn } = slowWrites();
  const first = write("a");
  await turn();
  const others = [write("b"), write("c")];
  await turn();
  expect(writes.map(({ items }) => items)).toEqual([["a"]]);
  writes[0]?.end();
  await first;
  await turn();
  expect(writes.map(({ items }) => items)).toEqual([["a"], ["b", "c"]]);
  writes[1]?.end();
  await Promise.all(others);
});

test("nobody is told that theirs is safe before it is", async () => {
  const { writes, write, turn } = slowWrites();
  let isSafe = false;
  const written = write("a").then(() => {
    isSafe = true;
  });
  await turn();
  expect(isSafe).toBe(false);
  writes[0]?.end();
  await written;
  expect(isSafe).toBe(true);
});

test("a write that fails fails for those who were in it, and for nobody after", async () => {
  const { writes, write, turn } = slowWrites();
  const outcomes = [write("a"), write("b")].map((promise) =>
    promise.then(
      () => "safe",
      () => "failed",
    ),
  );
  await turn();
  expect(writes.map(({ items }) => items)).toEqual([["a", "b"]]);
  const later = write("c");
  writes[0]?.end(new Error("gone"));
  expect(await Promise.all(outcomes)).toEqual(["failed", "failed"]);
  await turn();
  writes[1]?.end();
  await later;
  expect(writes[1]?.items).toEqual(["c"]);
});
