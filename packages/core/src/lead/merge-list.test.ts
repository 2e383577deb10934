/** What a list says of many, in its order. */
import { expect, test } from "vitest";
import type { Lead, LeadInput } from "./lead.ts";
import { newLead } from "./merge.ts";
import { holdersOfSigns, MOST_HOLDERS, mergeList } from "./merge-list.ts";

const NOW = 1_000;

/** Merges `inputs` into a store that has `known`, whose identifiers are their places. */
function merge(known: LeadInput[], inputs: LeadInput[]) {
  const leads = known.map((input, index): Lead => newLead(input, `${index}`, 0));
  const holders = holdersOfSigns();
  for (const { _id, phones, emails, external_id } of leads) {
    if (external_id !== null) holders.hold("external_id", external_id, _id);
    for (const phone of phones) holders.hold("phones", phone, _id);
    for (const email of emails) holders.hold("emails", email, _id);
  }
  let last = leads.length;
  return mergeList(inputs, { holders, read: (id) => leads[Number(id)] ?? null, newId: () => `${last++}`, now: NOW });
}

test("who shares nothing with anybody is added, and who is known is changed or as before", () => {
  const known = [{ phones: ["+1"] }, { phones: ["+2"] }];
  const { added, changed, counts, lastId } = merge(known, [
    { phones: ["+1"], name: "Ann" },
    { phones: ["+2"] },
    { phones: ["+3"] },
  ]);
  expect(changed).toMatchObject([{ _id: "0", name: "Ann", updated_at: NOW }]);
  expect(added).toMatchObject([{ _id: "2", phones: ["+3"] }]);
  expect(counts).toEqual({ accepted: 3, inserted: 1, modified: 1, matched: 3 });
  expect(lastId).toBe("2");
});

test("later entries meet what earlier ones have said, of new leads and of known ones", () => {
  const { added, changed, counts } = merge(
    [{ phones: ["+1"] }],
    [
      { phones: ["+1"], emails: ["a@example.com"] },
      { emails: ["a@example.com"], name: "Ann" },
      { phones: ["+2"], emails: ["b@example.com"] },
      { emails: ["b@example.com"], name: "Bob" },
    ],
  );
  expect(changed).toMatchObject([{ _id: "0", name: "Ann", emails: ["a@example.com"] }]);
  expect(added).toMatchObject([{ _id: "1", name: "Bob", phones: ["+2"] }]);
  expect(counts).toMatchObject({ inserted: 1, modified: 1, matched: 2 });
});

test("numbers that two people have are told, and so are those of whoever has changed", () => {
  expect(merge([{ external_id: "1", phones: ["+1"] }], [{ external_id: "2", phones: ["+1"] }]).shared).toEqual(new Set(["+1"]));
  expect(merge([{ external_id: "1" }], [{ external_id: "1", phones: ["+2"] }]).shared).toEqual(new Set(["+2"]));
  expect(merge([], [{ phones: ["+3"] }]).shared).toEqual(new Set());
});

test("of very many with one number, the first are looked at", () => {
  const family = Array.from({ length: MOST_HOLDERS + 10 }, (_, index) => ({ external_id: `${index}`, phones: ["+1"] }));
  expect(merge(family, [{ external_id: "new", phones: ["+1"] }]).counts.inserted).toBe(1);
  expect(merge([{ phones: ["+1"] }, ...family], [{ phones: ["+1"], name: "Ann" }]).lastId).toBe("0");
});
