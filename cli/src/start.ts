/** Owns `minicrm start`: everything in one process, and the few lines that say where to go next. */
import { serveBackend } from "@mini-crm/backend/serve-backend";
import type { Config } from "@mini-crm/runtime/config";
import { runProcess } from "@mini-crm/runtime/run-process";
import { serveWorkers } from "@mini-crm/workers/serve-workers";

export function start(): Promise<void> {
  return runProcess("mini-crm", async (context) => {
    const workers = await serveWorkers(context);
    const backend = await serveBackend(context).catch(async (error: unknown) => {
      await workers.close();
      throw error;
    });
    process.stdout.write(welcome(context.config, backend.url, workers.url));
    return [workers, backend];
  });
}

function welcome(config: Config, backend: string, workers: string): string {
  const rate = config.messagesPerMinute === 0 ? "no limit" : `${config.messagesPerMinute} messages a minute`;
  return `
  Mini CRM is running.

  API         ${backend}          (every call, to try out: ${backend}/docs)
  Workers     ${workers}          (what they do: ${workers}/stats)
  WhatsApp    simulated, ${rate}; what it sent: ${workers}/simulator/outbox
  Data        ${config.dataDir}

  Try         curl ${backend}/health
  Stop        Ctrl+C

`;
}
