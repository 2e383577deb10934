import { expect, test } from "vitest";
import { type Accident, planAccidents } from "./accidents.ts";

const REQUEST = { seed: 7, layout: "two processes", kills: 200 } as const;
const countOf = (plan: readonly Accident[], kind: Accident["kind"]) => plan.filter((accident) => accident.kind === kind).length;

test("the same seed gives the same plan, another seed or layout another one", () => {
  const plan = planAccidents(REQUEST);
  expect(planAccidents(REQUEST)).toEqual(plan);
  expect(planAccidents({ ...REQUEST, seed: 8 })).not.toEqual(plan);
  expect(planAccidents({ ...REQUEST, layout: "one process" })).not.toEqual(plan);
});

test("a longer plan begins like a shorter one", () => {
  const longer = planAccidents({ ...REQUEST, kills: 80 });
  expect(planAccidents(REQUEST).slice(0, longer.length)).toEqual(longer);
});

test("it has just as many kills as were asked for, and a freeze and a hang for each forty of them", () => {
  const plan = planAccidents(REQUEST);
  expect(countOf(plan, "kill")).toBe(200);
  expect(countOf(plan, "freeze")).toBe(5);
  expect(countOf(plan, "hang")).toBe(5);
  for (const kills of [1, 2, 12, 39]) expect(countOf(planAccidents({ ...REQUEST, kills }), "freeze")).toBe(1);
});

test("everything that can go wrong goes wrong in a long plan", () => {
  const plan = planAccidents(REQUEST);
  const kills = plan.filter((accident) => accident.kind === "kill");
  expect(new Set(kills.map(({ parts }) => parts.join(" and ")))).toEqual(new Set(["workers", "backend", "backend and workers"]));
  expect(new Set(kills.map(({ moved }) => moved))).toEqual(new Set(["outbox", "ledger"]));
  expect(countOf(plan, "outage")).toBeGreaterThan(5);
  const behaviours = plan.flatMap((accident) => (accident.kind === "misbehave" ? [accident.behaviour] : []));
  const shares = ["hangShare", "cutShare", "retryableShare", "notOnWhatsAppShare", "undeliverableShare", "doubledShare"] as const;
  for (const share of [...shares, "lateShare", "shuffledShare"] as const) {
    expect(
      behaviours.some((behaviour) => (behaviour[share] ?? 0) > 0),
      share,
    ).toBe(true);
  }
});

test("in one process a kill is of everything", () => {
  const kills = planAccidents({ ...REQUEST, layout: "one process" }).filter((accident) => accident.kind === "kill");
  for (const { parts } of kills) expect(parts).toEqual(["backend", "workers"]);
});

test("in several processes a kill is of any of them, and of some together", () => {
  const kills = planAccidents({ ...REQUEST, layout: "several processes" }).filter((accident) => accident.kind === "kill");
  expect(new Set(kills.flatMap(({ parts }) => parts)).size).toBe(5);
  expect(kills.some(({ parts }) => parts.length > 2)).toBe(true);
});
