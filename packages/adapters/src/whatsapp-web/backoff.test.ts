import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { expect, test } from "vitest";
import { createBackoff } from "./backoff.ts";

test("each wait is up to twice as long as the one before, at most five minutes, until it works again", () => {
  const backoff = createBackoff(virtualClock({ seed: 7 }));
  for (const fullMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]) {
    const ms = backoff.nextMs();
    expect(ms).toBeGreaterThanOrEqual(fullMs / 2);
    expect(ms).toBeLessThanOrEqual(fullMs);
  }
  backoff.reset();
  expect(backoff.nextMs()).toBeLessThanOrEqual(1_000);
});

test("two never wait for the same time", () => {
  const first = (seed: number) => createBackoff(virtualClock({ seed })).nextMs();
  expect(first(1)).not.toBe(first(2));
});
