/** Owns the workers as a process of their own. */
import { runProcess } from "@mini-crm/runtime/run-process";
import { serveWorkers } from "./serve-workers.ts";

await runProcess("workers", async (context) => {
  const served = await serveWorkers(context);
  context.log.info({ url: served.url }, "Workers listen");
  return [served];
});
