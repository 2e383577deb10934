import { expect, test } from "vitest";
import { adviceOn, CONNECTION_STATES, needsPerson } from "./connection.ts";

test("whatever needs a person says what they can do, and what goes on by itself asks for nothing", () => {
  for (const state of CONNECTION_STATES) {
    for (const pairs of [true, false]) {
      const advice = adviceOn(state, { pairs });
      if (needsPerson(state)) expect(advice, state).toMatch(/^[A-Z].*\.$/);
      else expect(advice, state).toBeNull();
    }
  }
});

test("what to do about access that is refused depends on whether a phone or a token gives it", () => {
  expect(adviceOn("auth_invalid", { pairs: true })).toContain("pair again");
  expect(adviceOn("auth_invalid", { pairs: false })).toContain("access_token");
});
