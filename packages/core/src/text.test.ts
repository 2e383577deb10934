import { expect, test } from "vitest";
import { clip, closest, isStorableText, quote } from "./text.ts";

const fields = ["name", "emails", "phones", "total_spend", "last_order_at", "metadata"];

test.each([
  ["total_spent", "total_spend"],
  ["Total-Spend", "total_spend"],
  ["lastOrderAt", "last_order_at"],
  ["email", "emails"],
  ["phone", "phones"],
  ["Name", "name"],
  ["meta_data", "metadata"],
])("somebody who writes %s means %s", (written, meant) => {
  expect(closest(written, fields)).toBe(meant);
});

test.each(["tier", "x", "", "favourite_colour", "n".repeat(1_000_000)])("nobody knows what is meant by a far word", (written) => {
  expect(closest(written, fields)).toBeNull();
});

test("a text with a NUL or half a surrogate pair cannot be stored", () => {
  expect(isStorableText("Zoë 😀")).toBe(true);
  expect(isStorableText("a\0b")).toBe(false);
  expect(isStorableText("\ud83d")).toBe(false);
});

test("a long text is cut where it is told", () => {
  expect(clip("a".repeat(60))).toBe("a".repeat(60));
  expect(clip("a".repeat(61))).toBe(`${"a".repeat(60)}…`);
  expect(quote('say "hi"\n')).toBe('"say \\"hi\\"\\n"');
});
