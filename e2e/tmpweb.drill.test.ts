import { test } from "vitest";
import { expectWebDrillToKeepPromises } from "./web-drill.ts";
test("x", expectWebDrillToKeepPromises);
