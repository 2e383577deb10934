/** Proves the walkthrough on what Mini CRM brings along, in both ways to run. */
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { LAYOUTS } from "./system.ts";
import { describeWalkthrough } from "./walkthrough.ts";

for (const layout of LAYOUTS) describeWalkthrough(layout, ownEngines({}));
