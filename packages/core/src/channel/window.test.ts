import { expect, test } from "vitest";
import { freeTextTo, WINDOW_MS, windowEnds } from "./window.ts";

test("over the Cloud API a person may be answered for 24 hours after their last message, and not a millisecond longer", () => {
  expect(WINDOW_MS).toBe(86_400_000);
  expect(windowEnds(1_000)).toBe(86_401_000);
  expect(freeTextTo("cloud", 1_000, 1_000)).toEqual({ kind: "open", until: 86_401_000 });
  expect(freeTextTo("cloud", 1_000, 86_400_999)).toEqual({ kind: "open", until: 86_401_000 });
  expect(freeTextTo("cloud", 1_000, 86_401_000)).toEqual({ kind: "closed", since: 86_401_000 });
});

test("a message that WhatsApp says was written a moment from now opens it as well", () => {
  expect(freeTextTo("cloud", 2_000, 1_000)).toEqual({ kind: "open", until: 86_402_000 });
});

test("whoever never wrote has no window", () => {
  expect(freeTextTo("cloud", null, 1_000)).toEqual({ kind: "closed", since: null });
});

test("other kinds of channels know no window", () => {
  for (const kind of ["web", "simulator"] as const) {
    expect(freeTextTo(kind, null, 1_000)).toEqual({ kind: "open", until: null });
    expect(freeTextTo(kind, 0, 10 * WINDOW_MS)).toEqual({ kind: "open", until: null });
  }
});
