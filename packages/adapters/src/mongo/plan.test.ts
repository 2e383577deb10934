/** The words for plans, from what MongoDB's own servers tell of them. */
import { expect, test } from "vitest";
import { planSteps } from "./plan.ts";

const BY_TAG = {
  stage: "IXSCAN",
  indexName: "tags_1",
  indexBounds: { tags: ['["vip", "vip"]'] },
  direction: "forward",
};

test("a plan reads from its last step to its first, with the index and what is looked up in it", () => {
  const winningPlan = {
    isCached: false,
    stage: "PROJECTION_SIMPLE",
    inputStage: { stage: "FETCH", filter: { a: 1 }, inputStage: BY_TAG },
  };
  expect(planSteps({ explainVersion: "1", queryPlanner: { winningPlan, rejectedPlans: [{ stage: "COLLSCAN" }] } })).toEqual([
    "PROJECTION_SIMPLE",
    "FETCH",
    'IXSCAN tags_1 tags ["vip", "vip"]',
  ]);
});

test("the plan of an aggregation is told once, wherever the server puts it", () => {
  const queryPlanner = { winningPlan: { queryPlan: { stage: "GROUP", planNodeId: 3, inputStage: BY_TAG }, slotBasedPlan: {} } };
  const steps = ["GROUP", 'IXSCAN tags_1 tags ["vip", "vip"]'];
  expect(planSteps({ explainVersion: "2", queryPlanner })).toEqual(steps);
  expect(planSteps({ stages: [{ $cursor: { queryPlanner } }, { $group: {} }], queryPlanner })).toEqual(steps);
  expect(planSteps({ shards: { one: { queryPlanner }, two: { queryPlanner } } })).toEqual([...steps, ...steps]);
});

test("either side of an OR has its index, and of very many ranges the first are told", () => {
  const values = Array.from({ length: 1_000 }, (_, index) => `["${index}", "${index}"]`);
  const byPhone = { stage: "IXSCAN", indexName: "phones_1", indexBounds: { phones: values } };
  const [or, tag, phone] = planSteps({ winningPlan: { stage: "OR", inputStages: [BY_TAG, byPhone] } });
  expect([or, tag]).toEqual(["OR", 'IXSCAN tags_1 tags ["vip", "vip"]']);
  expect(phone).toMatch(/^IXSCAN phones_1 phones \["0", "0"\] .* and 990 more$/);
});
