/** Proves the walkthrough on what Mini CRM brings along: in both ways to run, and over the twin of the Cloud API. */
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { LAYOUTS } from "./system.ts";
import { cloudTwin, fakeWeb } from "./walked-whatsapp.ts";
import { describeWalkthrough } from "./walkthrough.ts";

for (const layout of LAYOUTS) describeWalkthrough(layout, ownEngines({}));
describeWalkthrough("one process", ownEngines({}), { over: "the twin of the Cloud API", open: cloudTwin });
describeWalkthrough("two processes", ownEngines({}), { over: "a fake WhatsApp Web", open: fakeWeb });
