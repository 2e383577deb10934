import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { expect, test } from "vitest";
import { createNumbers } from "./numbers.ts";

/** A WhatsApp that knows these numbers, some of them under another identifier. */
function whatsApp(known: Readonly<Record<string, string>>) {
  const asked: string[][] = [];
  const ask = async (phones: readonly string[]) => {
    asked.push([...phones]);
    return phones.flatMap((phone) => {
      const user = known[phone];
      return user === undefined ? [] : [{ jid: `${user}@s.whatsapp.net`, exists: true }];
    });
  };
  return { asked, ask };
}

const phone = (index: number) => `+4915100${String(index).padStart(4, "0")}`;

test("many are asked for in batches, once each, and those without WhatsApp are left out", async () => {
  const phones = Array.from({ length: 120 }, (_, index) => phone(index));
  const { ask, asked } = whatsApp(Object.fromEntries(phones.slice(10).map((each) => [each, each.slice(1)])));
  const numbers = createNumbers(virtualClock());
  const found = await numbers.find([...phones, ...phones], ask);
  expect(asked.map((batch) => batch.length)).toEqual([50, 50, 20]);
  expect(found.size).toBe(110);
  expect(found.get(phone(10))).toBe(`${phone(10).slice(1)}@s.whatsapp.net`);
});

test("what is known is not asked for again, for a day where it has WhatsApp, for an hour where it has not", async () => {
  const clock = virtualClock();
  const { ask, asked } = whatsApp({ [phone(1)]: phone(1).slice(1) });
  const numbers = createNumbers(clock);
  const both = [phone(1), phone(2)];
  await numbers.find(both, ask);
  await numbers.find(both, ask);
  expect(asked).toEqual([both]);
  await clock.advance(3_600_000);
  await numbers.find(both, ask);
  expect(asked[1]).toEqual([phone(2)]);
  await clock.advance(23 * 3_600_000);
  await numbers.find([phone(1)], ask);
  expect(asked[2]).toEqual([phone(1)]);
});

test("a number that WhatsApp writes differently is found all the same", async () => {
  const { ask, asked } = whatsApp({ [phone(1)]: phone(1).slice(1), "+5511987654321": "551187654321" });
  const numbers = createNumbers(virtualClock());
  const found = await numbers.find([phone(1), "+5511987654321", phone(2)], ask);
  expect(found.get("+5511987654321")).toBe("551187654321@s.whatsapp.net");
  expect(found.has(phone(2))).toBe(false);
  expect(asked).toEqual([[phone(1), "+5511987654321", phone(2)], ["+5511987654321"], [phone(2)]]);
});

test("no answer is not taken for one", async () => {
  const numbers = createNumbers(virtualClock());
  await expect(numbers.find([phone(1)], async () => undefined)).rejects.toThrow("has not answered");
  const { ask } = whatsApp({ [phone(1)]: phone(1).slice(1) });
  expect((await numbers.find([phone(1)], ask)).size).toBe(1);
});
