import fc from "fast-check";
import { expect, test } from "vitest";
import { partsOfPage } from "./pages.ts";

test("the parts of a page hold just what a page of all windows in a row would", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 12 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 12 }), (windows, page, limit) => {
      const counted = windows.map((messages, index) => ({ window: String(index), messages }));
      const all = counted.flatMap(({ window, messages }) => Array.from({ length: messages }, (_, at) => `${window} ${at}`));
      const read = partsOfPage(counted, { page, limit }).flatMap((part) =>
        Array.from({ length: part.limit }, (_, at) => `${part.window} ${part.skip + at}`),
      );
      expect(read).toEqual(all.slice((page - 1) * limit, page * limit));
    }),
  );
});
