/** Proves the walkthrough on MongoDB and on Kafka, each alone and both together. */
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { KAFKA, MONGODB } from "./engines/given.ts";
import { describeWalkthrough } from "./walkthrough.ts";

describeWalkthrough("two processes", ownEngines({ ...MONGODB, ...KAFKA }));
describeWalkthrough("one process", ownEngines(MONGODB));
describeWalkthrough("one process", ownEngines(KAFKA));
