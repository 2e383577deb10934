import fc from "fast-check";
import { expect, test } from "vitest";
import { dueQueue } from "./due-queue.ts";

test("what is due first comes out first, and equals in the order they went in", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (times) => {
      const queue = dueQueue<{ at: number; order: number }>();
      for (const [order, at] of times.entries()) queue.push(at, { at, order });
      const out = [];
      for (let item = queue.takeDue(20); item !== null; item = queue.takeDue(20)) out.push(item);
      expect(out).toEqual(times.map((at, order) => ({ at, order })).sort((a, b) => a.at - b.at || a.order - b.order));
      expect(queue.size()).toBe(0);
    }),
  );
});

test("nothing comes out before it is due", () => {
  const queue = dueQueue<{ name: string }>();
  queue.push(10, { name: "later" });
  queue.push(5, { name: "sooner" });
  expect(queue.nextAt()).toBe(5);
  expect(queue.takeDue(4)).toBeNull();
  expect(queue.takeDue(5)).toEqual({ name: "sooner" });
  expect(queue.takeDue(9)).toBeNull();
  expect(queue.nextAt()).toBe(10);
});

test("taking out and putting in may alternate", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 9 }), { freq: 3 }), { maxLength: 200 }), (steps) => {
      const queue = dueQueue<{ at: number }>();
      let model: number[] = [];
      for (const step of steps) {
        if (step !== null) {
          queue.push(step, { at: step });
          model = [...model, step].sort((a, b) => a - b);
        } else {
          expect(queue.takeDue(9)?.at ?? null).toBe(model.shift() ?? null);
        }
        expect(queue.nextAt()).toBe(model[0] ?? null);
      }
    }),
  );
});
