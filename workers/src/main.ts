/** Owns the workers as a process of their own. */
import { runProcess } from "@mini-crm/runtime/run-process";
import { serveWorkers } from "./serve-workers.ts";

await runProcess("workers", async (context) => [await serveWorkers(context)]);
