import { expect, test } from "vitest";
import { spansOfReady } from "./spans.ts";

test("the look at what is ready reaches from the first to the last lead, both with it, whatever their order", () => {
  const [low, middle, high] = ["1".repeat(24), "5".repeat(24), "9".repeat(24)] as const;
  const spans = spansOfReady();
  for (const lead of [middle, high, low]) spans.add("c", lead);
  const look = spans.lookAt({ _id: "c", channel_id: "default" });
  expect(look).toMatchObject({ topic: "campaign.messages", key: "default", value: { up_to: high, messages: 3 } });
  const after = look?.topic === "campaign.messages" ? look.value.after : null;
  expect(after !== null && after < low).toBe(true);
  expect(spans.lookAt({ _id: "other", channel_id: "default" })).toBeNull();
});
