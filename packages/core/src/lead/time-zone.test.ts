import { expect, test } from "vitest";
import { ianaTimeZone } from "./time-zone.ts";

test.each([
  ["Europe/Berlin", "Europe/Berlin"],
  ["europe/berlin", "Europe/Berlin"],
  ["utc", "UTC"],
  ["Asia/Kolkata", "Asia/Kolkata"],
  ["America/Sao_Paulo", "America/Sao_Paulo"],
])("%s is %s", (text, name) => {
  expect(ianaTimeZone(text)).toBe(name);
  expect(ianaTimeZone(text)).toBe(name);
});

test.each(["", "Mars/Olympus", "+02:00", "Berlin", "Z"])("%j is no time zone", (text) => {
  expect(ianaTimeZone(text)).toBeNull();
  expect(ianaTimeZone(text)).toBeNull();
});

test("a flood of wrong names does not make it forget what is right", () => {
  for (let i = 0; i < 2500; i++) expect(ianaTimeZone(`Mars/Crater${i}`)).toBeNull();
  expect(ianaTimeZone("europe/berlin")).toBe("Europe/Berlin");
});
