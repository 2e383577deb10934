import { expect, test } from "vitest";
import { type CampaignOptions, NO_OPTIONS } from "./options.ts";
import { optionProblems } from "./read-options.ts";

const problemsOf = (options: Partial<CampaignOptions>) => optionProblems({ ...NO_OPTIONS, ...options }, 0);
const template = { name: "order_shipped", language: "en_US", parameters: [] };

test("nothing is wrong with a campaign that has no options, or ones that can be meant", () => {
  expect(problemsOf({})).toEqual([]);
  const parameters = [
    { name: null, value: "{{name}}" },
    { name: null, value: "Order" },
  ];
  expect(problemsOf({ buttons: ["Yes", "No"], template: { ...template, parameters } })).toEqual([]);
});

test("buttons must differ", () => {
  expect(problemsOf({ buttons: ["Yes", "Yes"] })).toMatchObject([{ field: "buttons", rule: "unique" }]);
});

test("a template's parameters are texts like a campaign's own, and say where one is wrong", () => {
  const parameters = [
    { name: null, value: "{{name}}" },
    { name: null, value: "{{nmae}}" },
  ];
  const [problem, ...others] = problemsOf({ template: { ...template, parameters } });
  expect(others).toEqual([]);
  expect(problem).toMatchObject({ field: "template.parameters[1].value", rule: "unknown_variable" });
  expect(problem?.message).toMatch(/^`template\.parameters\[1\]\.value`, line 1.*name/);
});

test("a template's parameters are all named, each with a name of its own, or all counted", () => {
  for (const names of [
    ["a", "a"],
    ["a", null],
  ]) {
    const parameters = names.map((name) => ({ name, value: "x" }));
    expect(problemsOf({ template: { ...template, parameters } })).toMatchObject([
      { field: "template.parameters", rule: "names" },
    ]);
  }
});
