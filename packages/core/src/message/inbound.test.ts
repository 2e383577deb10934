import { expect, test } from "vitest";
import { ANSWER_EARLY_MS, ANSWER_WINDOW_MS, afterAnswer, answeredMessage, wishOf } from "./inbound.ts";
import type { MessageStatus } from "./message.ts";

const AT = 1_000_000_000;
const sent = (campaign_id: string, sending_at: number | null, status: MessageStatus = "SENT") => ({
  campaign_id,
  sending_at,
  status,
});

test("a text answers the last message that may have arrived, and of two at one moment the later campaign's", () => {
  const [early, late, later] = [sent("a", AT - 9), sent("b", AT - 5, "UNCERTAIN"), sent("c", AT - 5, "SENDING")];
  expect(answeredMessage([late, early], AT)).toBe(late);
  expect(answeredMessage([later, early, late], AT)).toBe(later);
  for (const status of ["PENDING", "CLAIMED", "FAILED", "SKIPPED", "CANCELLED"] as const) {
    expect(answeredMessage([sent("d", AT - 1, status), early], AT)).toBe(early);
  }
});

test("a text answers nothing that went too long before it, or after it", () => {
  const answers = (sending_at: number | null) => answeredMessage([sent("a", sending_at)], AT) !== null;
  expect([AT - ANSWER_WINDOW_MS, AT + ANSWER_EARLY_MS].map(answers)).toEqual([true, true]);
  expect([AT - ANSWER_WINDOW_MS - 1, AT + ANSWER_EARLY_MS + 1, null].map(answers)).toEqual([false, false, false]);
});

test("an answer counts once as a reply and once as a stop, with the earliest time of each", () => {
  expect(afterAnswer({}, null, 7)).toEqual({ replied_at: 7, opted_out_at: null, first: ["replied"] });
  expect(afterAnswer({ replied_at: 7 }, "stop", 9)).toEqual({ replied_at: 7, opted_out_at: 9, first: ["opted_out"] });
  expect(afterAnswer({ replied_at: 7, opted_out_at: 9 }, "stop", 6)).toEqual({ replied_at: 6, opted_out_at: 6, first: [] });
});

test("what WhatsApp's own controls say counts before the text", () => {
  expect(wishOf({ text: "Stop" })).toBe("stop");
  expect(wishOf({ text: "Stop", wish: null })).toBe("stop");
  expect(wishOf({ text: "Stop", wish: "start" })).toBe("start");
  expect(wishOf({ text: "", wish: "stop" })).toBe("stop");
});
