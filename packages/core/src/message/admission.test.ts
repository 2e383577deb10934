import { expect, test } from "vitest";
import type { Admission } from "../ports/store.ts";
import { admitThose, askingOf } from "./admission.ts";

const CAMPAIGN = "c".repeat(24);
const leadOf = (digit: string) => digit.repeat(24);
const asking = askingOf(["1", "2", "3", "4", "5"].map((digit) => ({ _id: CAMPAIGN + leadOf(digit), attempt: 1, text: "Hi" })));

function admitted(
  objections: { out?: string[]; enough?: string[]; room?: number },
  taken: (leadId: string) => boolean = () => true,
) {
  const admission: Admission = { admitted: [], opted_out: [], capped: [] };
  const { out = [], enough = [], room = Number.POSITIVE_INFINITY } = objections;
  const against = { hasOptedOut: new Set(out.map(leadOf)), hasHadEnough: new Set(enough.map(leadOf)), room };
  const count = admitThose(asking.get(CAMPAIGN) ?? [], against, ({ leadId }) => taken(leadId), admission);
  expect(count).toBe(admission.admitted.length);
  const digits = (ids: readonly string[]) => ids.map((id) => id.at(-1)).join("");
  return { admitted: digits(admission.admitted), opted_out: digits(admission.opted_out), capped: digits(admission.capped) };
}

test("whoever has opted out is told so, also where they have had enough", () => {
  expect(admitted({ out: ["1", "2"], enough: ["2", "3"] })).toEqual({ admitted: "45", opted_out: "12", capped: "3" });
});

test("no more are taken than there is room for, and who is not taken takes no room", () => {
  expect(admitted({ room: 2 }, (leadId) => leadId !== leadOf("1"))).toMatchObject({ admitted: "23" });
  expect(admitted({ room: 0 })).toMatchObject({ admitted: "" });
});

test("what is no message's identifier is passed over", () => {
  expect(askingOf([{ _id: "nonsense", attempt: 1, text: "" }]).size).toBe(0);
});
