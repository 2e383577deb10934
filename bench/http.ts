/** Owns the benchmark of what a caller feels while a million leads come in: GETs through real HTTP to a real process. */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { call, startSystem } from "@mini-crm/e2e/system.ts";
import { startClient } from "./http-client.ts";
import { bodyOf, databaseOf, LEADS_PER_BODY } from "./leads.ts";
import { type Benchmark, demand, leadsFor, percentile, perSecond, type Setup, timed } from "./measure.ts";

const REQUESTS_IN_FLIGHT = 2;
const LEADS_PER_PAGE = 20;

export const httpBenchmark: Benchmark = {
  name: "http",
  async run(setup) {
    const leads = leadsFor(setup, { full: 1_000_000, smoke: 20_000 });
    const known = Math.ceil(leads / 5);
    const dataDir = join(setup.folder, "http");
    await mkdir(dataDir);
    await copyFile(await databaseOf(known, setup.folder, setup.print), join(dataDir, "mini-crm.db"));
    const bodies = await writeBodies(setup, known, leads);

    const system = await startSystem("one process", { DATA_DIR: dataDir, LOG_LEVEL: "error" });
    try {
      const client = startClient(await looksAt(system.backendUrl, known));
      const idleMs = setup.scale === "full" ? 10_000 : 500;
      await client.measure(() => sleep(1_000));
      const before = await client.measure(() => sleep(idleMs));
      let tookMs = 0;
      const during = await client.measure(async () => {
        tookMs = await timed(() => importAll(system.backendUrl, bodies));
      });
      const after = await client.measure(() => sleep(idleMs));
      await client.close();
      const idle = [...before, ...after];
      setup.print(
        `import at ${perSecond(leads, tookMs).toFixed(0)} leads/s, ${during.length} GETs during it, ${idle.length} idle`,
      );
      const what = `GET p99 during an import of ${leads.toLocaleString("en-US")} leads`;
      const limit = { what: "p99 idle, before and after", value: percentile(idle, 0.99) };
      return [{ what, unit: "ms", figure: percentile(during, 0.99), limit, budget: { of: "ratio", atMost: 2 } }];
    } finally {
      await system.stop();
    }
  },
};

/** Leaves the bodies as files, so that making them up takes no time from the process that is measured. */
async function writeBodies({ folder }: Setup, start: number, leads: number): Promise<string[]> {
  const files: string[] = [];
  for (let done = 0; done < leads; done += LEADS_PER_BODY) {
    const file = join(folder, `body-${done}.json`);
    await writeFile(file, bodyOf(start + done, Math.min(LEADS_PER_BODY, leads - done)));
    files.push(file);
  }
  return files;
}

async function importAll(backendUrl: string, files: readonly string[]): Promise<void> {
  const waiting = files.values();
  const send = async (): Promise<void> => {
    for (const file of waiting) {
      const answer = await fetch(`${backendUrl}/api/v1/leads/bulk`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: await readFile(file),
      });
      demand("The import's status", answer.status, 200);
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, send));
}

/** What is looked at, in turn: the addresses of a lead, the first page, a deep page, a campaign that ran, and the health. */
async function looksAt(backendUrl: string, known: number): Promise<string[]> {
  const api = `${backendUrl}/api/v1`;
  const list = `${api}/leads?limit=${LEADS_PER_PAGE}`;
  const deepPage = Math.ceil(known / 4 / LEADS_PER_PAGE);
  const leads = await call<{ data: { leads: { _id: string }[] } }>("GET", list);
  const leadId = leads.body.data.leads[0]?._id;
  const rule_ast = {
    type: "comparison",
    operator: "==",
    left: { type: "field", value: "_id" },
    right: { type: "literal", value: leadId },
  };
  const segment = await call<{ data: { _id: string } }>("POST", `${api}/segments`, { name: "One lead", rule_ast });
  const campaign = await call<{ data: { _id: string } }>("POST", `${api}/campaigns`, {
    name: "To one lead",
    segment_id: segment.body.data._id,
    message_template: "Hi {{name}}!",
  });
  const campaignUrl = `${api}/campaigns/${campaign.body.data._id}`;
  const run = await call("POST", `${campaignUrl}/run`);
  demand("The run's status", run.status, 200);
  return [`${api}/leads/${leadId}`, list, `${list}&page=${deepPage}`, campaignUrl, `${backendUrl}/health`];
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
