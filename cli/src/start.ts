/** Owns `minicrm start`: everything in one process, and the few lines that say where to go next. */
import { serveBackend } from "@mini-crm/backend/serve-backend";
import type { Config } from "@mini-crm/runtime/config";
import { type Closable, runProcess } from "@mini-crm/runtime/run-process";
import { leaveTwin, type OwnTwin, startTwin } from "@mini-crm/runtime/twin";
import { serveWorkers } from "@mini-crm/workers/serve-workers";

/** `as_stored`: the default channel as it is, simulated in a new installation. `twin`: connected to a local Cloud API. */
export type WhatsAppChoice = "as_stored" | "twin";

export function start(whatsApp: WhatsAppChoice): Promise<void> {
  return runProcess("mini-crm", async (context) => {
    const { config, engines } = context;
    const twin = whatsApp === "twin" ? await startTwin(config, engines) : null;
    if (twin === null) await leaveTwin(engines);
    const opened: Closable[] = twin === null ? [] : [twin];
    try {
      const workers = await serveWorkers(context);
      opened.push(workers);
      const backend = await serveBackend(context);
      opened.push(backend);
      twin?.tell(backend.url);
      process.stdout.write(welcome(config, backend.url, workers.url, twin));
      return opened;
    } catch (error) {
      for (const one of opened.reverse()) await one.close();
      throw error;
    }
  });
}

function welcome(config: Config, backend: string, workers: string, twin: OwnTwin | null): string {
  const rate = config.messagesPerMinute === 0 ? "no limit" : `${config.messagesPerMinute} messages a minute`;
  const whatsApp =
    twin === null
      ? `simulated at first, ${rate}; what it sent: ${workers}/simulator/outbox`
      : `a twin of the Cloud API at ${twin.url}, ${rate}; what it sent: ${twin.url}/twin/outbox`;
  return `
  Mini CRM is running.

  API         ${backend}          (every call, to try out: ${backend}/docs)
  Workers     ${workers}          (what they do: ${workers}/stats)
  WhatsApp    ${whatsApp}
  Data        ${config.dataDir}

  Try         curl ${backend}/health
  Stop        Ctrl+C

`;
}
