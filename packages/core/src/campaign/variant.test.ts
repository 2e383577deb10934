import { expect, test } from "vitest";
import { NO_OPTIONS } from "./options.ts";
import { variantOf, variantsOf } from "./variant.ts";

const ids = Array.from({ length: 20_000 }, (_, index) => `${"a".repeat(40)}${index.toString(16).padStart(8, "0")}`);

test("everybody has the one text where there is only one", () => {
  const variants = variantsOf({ message_template: "Hi", options: NO_OPTIONS });
  expect(variants).toEqual([{ name: "A", percent: 100, template: "Hi" }]);
  expect(new Set(ids.map((id) => variantOf(variants, id)))).toEqual(new Set([0]));
});

test("texts go out in their shares, and the same message always has the same one", () => {
  const variants = [{ percent: 20 }, { percent: 50 }, { percent: 30 }];
  const first = ids.map((id) => variantOf(variants, id));
  expect(ids.map((id) => variantOf(variants, id))).toEqual(first);
  for (const [index, { percent }] of variants.entries()) {
    const share = first.filter((variant) => variant === index).length / ids.length;
    expect(Math.abs(share * 100 - percent), `text ${index}`).toBeLessThan(1.5);
  }
});

test("who gets which text differs from campaign to campaign", () => {
  const variants = [{ percent: 50 }, { percent: 50 }];
  const other = ids.map((id) => variantOf(variants, id.replace(/^a/, "b")));
  const same = ids.filter((id, index) => variantOf(variants, id) === other[index]).length;
  expect(Math.abs(same / ids.length - 0.5)).toBeLessThan(0.02);
});
