/** Owns the contract of leads in a store. */
import { expect, test } from "vitest";
import { type Store } from "../../ports/store.ts";
import { importLeads, leadInputs, NOW } from "../samples.ts";
import { HOUR_MS } from "./world.ts";

export function describeLeads(store: () => Store): void {
  test("a bulk import inserts once: the same leads again change nothing", async () => {
    expect(await importLeads(store(), leadInputs(5))).toEqual({ accepted: 5, inserted: 5, modified: 0, matched: 5 });
    expect(await importLeads(store(), leadInputs(5))).toEqual({ accepted: 5, inserted: 0, modified: 0, matched: 5 });
  });

  test("a lead that is known by its phone is merged, with its new fields", async () => {
    await importLeads(store(), leadInputs(2));
    const again = [{ phones: ["+14155550001"], emails: ["new@example.com"], total_spend: 5 }];
    expect(await importLeads(store(), again)).toEqual({ accepted: 1, inserted: 0, modified: 1, matched: 1 });
    const { items } = await list(store(), { sort: { by: "created_at", direction: "asc" } });
    expect(items[1]).toMatchObject({ name: "Lead 1", emails: ["lead1@example.com", "new@example.com"], total_spend: 5 });
  });

  test("two rows of one body that are one person become one lead", async () => {
    const twice = [
      { name: "Ann", phones: ["+14155550001"] },
      { name: "Ann", phones: ["+14155550001"], emails: ["ann@example.com"] },
    ];
    expect(await importLeads(store(), twice)).toMatchObject({ accepted: 2, inserted: 1, matched: 1 });
    const { items } = await list(store(), {});
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ emails: ["ann@example.com"] });
  });

  test("whoever has another external_id is somebody else, even with the same phone", async () => {
    await importLeads(store(), [{ external_id: "1", phones: ["+14155550001"] }]);
    expect(await importLeads(store(), [{ external_id: "2", phones: ["+14155550001"] }])).toMatchObject({ inserted: 1 });
    expect(await importLeads(store(), [{ external_id: "1", name: "Ann" }])).toMatchObject({ inserted: 0, modified: 1 });
  });

  test("of several imports at the same moment, one inserts each person and the others know them", async () => {
    const imports = await Promise.all([1, 2, 3].map(() => importLeads(store(), leadInputs(20))));
    expect(imports.map(({ inserted }) => inserted).toSorted((a, b) => a - b)).toEqual([0, 0, 20]);
    expect((await list(store(), {})).items).toHaveLength(20);
    expect((await list(store(), {})).total).toBe(20);
  });

  test("a lead is read back as it was given, changed field by field, and removed", async () => {
    const { kind, lead } = await store().leads.add(
      {
        name: "Ann O'Neil 🎉",
        phones: ["+14155550001"],
        tags: ["vip"],
        total_spend: 12.5,
        last_order_at: NOW - HOUR_MS,
        consent: { state: "opted_in", source: "shop", at: NOW },
        metadata: { tier: "gold", "a.b": [1, { c: null }], yes: true },
      },
      NOW,
    );
    expect(kind).toBe("added");
    expect(await store().leads.read(lead._id)).toEqual(lead);
    const changed = await store().leads.change(lead._id, { phones: ["+14155550002"], name: null }, NOW + 1);
    expect(changed).toMatchObject({ kind: "changed", lead: { name: null, phones: ["+14155550002"], updated_at: NOW + 1 } });
    expect((await store().leads.add({ phones: ["+14155550001"] }, NOW)).kind).toBe("added");
    expect((await store().leads.add({ phones: ["+14155550002"] }, NOW)).kind).toBe("merged");
    expect(await store().leads.remove(lead._id)).toBe(true);
    expect(await store().leads.remove(lead._id)).toBe(false);
    expect(await store().leads.read(lead._id)).toBeNull();
    expect(await store().leads.change(lead._id, { name: "x" }, NOW)).toEqual({ kind: "not_found" });
  });

  test("an external_id that another lead has is refused", async () => {
    const { lead: first } = await store().leads.add({ external_id: "1", name: "Ann" }, NOW);
    const { lead: second } = await store().leads.add({ external_id: "2", name: "Bob" }, NOW);
    expect(await store().leads.change(second._id, { external_id: "1" }, NOW)).toEqual({
      kind: "taken",
      field: "external_id",
      lead_id: first._id,
    });
  });

  test("lists page through every lead once, in either direction, whatever they are sorted by", async () => {
    await importLeads(store(), leadInputs(25));
    for (const by of ["created_at", "total_spend", "name"] as const) {
      for (const direction of ["asc", "desc"] as const) {
        const pages = await Promise.all([1, 2, 3, 4].map((page) => list(store(), { page, limit: 7, sort: { by, direction } })));
        const names = pages.flatMap(({ items }) => items.map(({ name }) => name));
        expect(new Set(names).size).toBe(25);
        expect(pages.map(({ total }) => total)).toEqual([25, 25, 25, 25]);
        if (by === "total_spend") expect(names.at(direction === "asc" ? -1 : 0)).toBe("Lead 24");
      }
    }
    expect((await list(store(), { page: 5, limit: 7 })).items).toEqual([]);
  });

  test("a list can be narrowed by a rule", async () => {
    await importLeads(store(), leadInputs(10));
    const rule = {
      type: "comparison",
      operator: ">",
      left: { type: "field", value: "total_spend" },
      right: { type: "literal", value: 650 },
    } as const;
    const { items, total } = await list(store(), { rule, limit: 2 });
    expect(items.map(({ name }) => name)).toEqual(["Lead 7", "Lead 8"]);
    expect(total).toBe(3);
    expect(await store().segments.count(rule, NOW)).toBe(3);
    expect((await store().segments.sample(rule, 2, NOW)).map(({ name }) => name)).toEqual(["Lead 7", "Lead 8"]);
  });
}

function list(store: Store, request: Partial<Parameters<Store["leads"]["list"]>[0]>) {
  return store.leads.list({
    page: 1,
    limit: 100,
    rule: null,
    sort: { by: "created_at", direction: "asc" },
    now: NOW,
    ...request,
  });
}
