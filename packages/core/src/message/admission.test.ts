import { expect, test } from "vitest";
import { NO_LIMITS, type SendingLimits } from "../channel/limits.ts";
import { openGate } from "../channel/room.ts";
import { admitThose, askingOf, noAdmission } from "./admission.ts";

const CAMPAIGN = "c".repeat(24);
const NOW = 1_000_000_000;
const leadOf = (digit: string) => digit.repeat(24);
const messageTo = (digit: string, phone = `+${digit}`) => ({ _id: CAMPAIGN + leadOf(digit), attempt: 1, phone, text: "Hi" });
const digits = (ids: readonly string[]) => ids.map((id) => id.at(-1)).join("");

function admitted(
  objections: { out?: string[]; enough?: string[]; limits?: SendingLimits; lastSentAt?: [string, number][] },
  taken: (leadId: string) => boolean = () => true,
  messages = ["1", "2", "3", "4", "5"].map((digit) => messageTo(digit)),
) {
  const admission = noAdmission();
  const { out = [], enough = [], limits = NO_LIMITS, lastSentAt = [] } = objections;
  const use = { rate: { used: 0, resetAt: NOW }, recipients: { recipients: 0, resetAt: NOW } };
  const gate = openGate(limits, { ...use, lastSentAt: new Map(lastSentAt) }, NOW);
  const against = { hasOptedOut: new Set(out.map(leadOf)), hasHadEnough: new Set(enough.map(leadOf)) };
  const asking = askingOf(messages).get(CAMPAIGN) ?? [];
  const count = admitThose(asking, against, gate, ({ leadId }) => taken(leadId), admission);
  expect(count).toBe(admission.admitted.length);
  return {
    admitted: digits(admission.admitted),
    opted_out: digits(admission.opted_out),
    capped: digits(admission.capped),
    too_soon: admission.too_soon.map(({ _id, until }) => [_id.at(-1), until]),
  };
}

test("whoever has opted out is told so, also where they have had enough", () => {
  const told = { admitted: "45", opted_out: "12", capped: "3", too_soon: [] };
  expect(admitted({ out: ["1", "2"], enough: ["2", "3"] })).toEqual(told);
});

test("no more are taken than there is room for, and who is not taken takes no room", () => {
  const rate = (messages: number) => ({ ...NO_LIMITS, rate: { messages, windowMs: 1_000 } });
  expect(admitted({ limits: rate(2) }, (leadId) => leadId !== leadOf("1"))).toMatchObject({ admitted: "23" });
  expect(admitted({ limits: rate(0) })).toMatchObject({ admitted: "" });
});

test("a number that has just had a message waits for the next, also where that is of the same request", () => {
  const limits = { ...NO_LIMITS, pairMs: 6_000 };
  const messages = [messageTo("1"), messageTo("2"), messageTo("3", "+2"), messageTo("4")];
  const told = admitted({ limits, lastSentAt: [["+1", NOW - 1_000]], out: ["4"] }, () => true, messages);
  expect(told).toMatchObject({ admitted: "2", opted_out: "4" });
  expect(told.too_soon).toEqual([
    ["1", NOW + 5_000],
    ["3", NOW + 6_000],
  ]);
});

test("what is no message's identifier is passed over", () => {
  expect(askingOf([{ _id: "nonsense", attempt: 1, phone: "+1", text: "" }]).size).toBe(0);
});
