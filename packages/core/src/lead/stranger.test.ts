import { expect, test } from "vitest";
import { isStorableText } from "../text.ts";
import { leadOfStranger } from "./stranger.ts";

const PHONE = "+4930901820";

test("a stranger becomes a lead with the number, and with the name that they use", () => {
  const metadata = { source: "whatsapp" };
  expect(leadOfStranger({ from: PHONE, name: " Ana B. " }, null)).toEqual({ name: "Ana B.", phones: [PHONE], metadata });
  expect(leadOfStranger({ from: PHONE, name: null }, "start")).toEqual({ phones: [PHONE], metadata });
  expect(leadOfStranger({ from: PHONE, name: "  " }, null)).toEqual({ phones: [PHONE], metadata });
});

test("whoever asks for no messages becomes none, nor does a sender without a number", () => {
  expect(leadOfStranger({ from: PHONE, name: "Ana" }, "stop")).toBeNull();
  expect(leadOfStranger({ from: "user:abc", name: "Ana" }, null)).toBeNull();
});

test("a name that no lead can hold is cut to what one can", () => {
  for (const name of ["a\0b", `${"x".repeat(199)}😀`, "\ud83d"]) {
    const lead = leadOfStranger({ from: PHONE, name }, null);
    expect((lead?.name ?? "").length).toBeLessThanOrEqual(200);
    expect(isStorableText(lead?.name ?? "")).toBe(true);
  }
});
