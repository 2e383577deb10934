import { expect, test } from "vitest";
import { afterWish, type HeardWish, heedStops, lastStops } from "./heed-wishes.ts";
import { newLead } from "./merge.ts";

const heard = (phone: string, wish: HeardWish["wish"], at: number): HeardWish => ({ phone, wish, at });
const lead = newLead({ phones: ["+1", "+2"] }, "a".repeat(24), 5);

test("the last word of a number counts, in whatever order it was heard, and the stop of two at one moment", () => {
  const stops = lastStops([
    heard("+1", "start", 3),
    heard("+1", "stop", 4),
    heard("+1", "stop", 2),
    heard("+2", "stop", 4),
    heard("+2", "start", 5),
    heard("+3", "start", 6),
    heard("+3", "stop", 6),
    heard("+4", "start", 1),
  ]);
  expect(stops).toEqual(
    new Map([
      ["+1", 4],
      ["+3", 6],
    ]),
  );
});

test("a lead is opted out by the latest stop among its numbers, and one without is left alone", () => {
  const other = newLead({ phones: ["+3"] }, "b".repeat(24), 5);
  const stops = new Map([
    ["+1", 7],
    ["+2", 8],
  ]);
  expect(heedStops([lead, other], stops, 10)).toEqual([
    { ...lead, consent: { state: "opted_out", source: "STOP", at: 8 } },
    other,
  ]);
});

test("a stop opts out once, and a start that says nothing new changes nothing", () => {
  const stopped = afterWish(lead, "stop", { at: 7, now: 10 });
  expect(stopped).toEqual({
    lead: { ...lead, consent: { state: "opted_out", source: "STOP", at: 7 }, updated_at: 10 },
    optedOut: true,
  });
  expect(afterWish(stopped?.lead ?? lead, "stop", { at: 8, now: 11 })).toMatchObject({ optedOut: false });
  expect(afterWish(lead, "start", { at: 7, now: 10 })).toBeNull();
});
