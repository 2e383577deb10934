/** Owns the backend as a process of its own. */
import { runProcess } from "@mini-crm/runtime/run-process";
import { serveBackend } from "./serve-backend.ts";

await runProcess("backend", async (context) => [await serveBackend(context)]);
