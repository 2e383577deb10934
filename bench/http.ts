/** Owns the benchmark of what a caller feels while a million leads come in: GETs through real HTTP to a real process. */
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { call, startSystem } from "@mini-crm/e2e/system.ts";
import { type Look, startClient } from "./http-client.ts";
import { bodyOf, databaseOf, LEADS_PER_BODY } from "./leads.ts";
import { type Benchmark, demand, leadsFor, percentile, type Setup, timed } from "./measure.ts";

const REQUESTS_IN_FLIGHT = 2;
const LEADS_PER_PAGE = 20;

export const httpBenchmark: Benchmark = {
  name: "http",
  async run(setup) {
    const leads = leadsFor(setup, { full: 1_000_000, smoke: 20_000 });
    const known = Math.ceil(leads / 5);
    const dataDir = join(setup.folder, "http");
    await mkdir(dataDir);
    await copyFile(await databaseOf(known, setup), join(dataDir, "mini-crm.db"));
    const bodies = await writeBodies(setup, known, leads);

    const system = await startSystem("one process", { DATA_DIR: dataDir, LOG_LEVEL: "error" });
    const kill = (): void => void system.kill();
    process.once("exit", kill);
    const { idle, during } = await lookWhileImporting(setup, system.backendUrl, known, bodies);
    await system.stop();
    process.off("exit", kill);
    const what = `GET p99 during an import of ${leads.toLocaleString("en-US")} leads`;
    const limit = { what: "p99 idle, before and after", value: p99(idle) };
    return [{ what, unit: "ms", figure: p99(during), limit, budget: { of: "ratio", atMost: 2 } }];
  },
};

async function lookWhileImporting({ scale, print }: Setup, backendUrl: string, known: number, bodies: readonly string[]) {
  const urls = await addresses(backendUrl, known);
  const client = startClient(Object.values(urls));
  const idleMs = scale === "full" ? 10_000 : 500;
  await client.measure(() => sleep(1_000));
  const before = await client.measure(() => sleep(idleMs));
  let tookMs = 0;
  const during = await client.measure(async () => {
    tookMs = await timed(() => importAll(backendUrl, bodies));
  });
  const after = await client.measure(() => sleep(idleMs));
  client.close();

  const idle = [...before, ...after];
  print(`import took ${(tookMs / 1_000).toFixed(1)} s, with ${during.length} GETs during it, and ${idle.length} idle`);
  for (const [name, url] of Object.entries(urls)) {
    const [quiet, busy] = [idle, during].map((looks) => looks.filter((look) => look.url === url));
    if (quiet === undefined || busy === undefined || quiet.length === 0 || busy.length === 0) continue;
    const failed = busy.filter(({ ok }) => !ok).length;
    print(`${name}: p99 ${p99(quiet).toFixed(1)} ms idle, ${p99(busy).toFixed(1)} ms during, ${failed} answers other than 200`);
  }
  return { idle, during };
}

function p99(looks: readonly Look[]): number {
  return percentile(
    looks.map(({ tookMs }) => tookMs),
    0.99,
  );
}

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

/** What is looked at, in turn. */
async function addresses(backendUrl: string, known: number): Promise<Record<string, string>> {
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
  return {
    "a lead": `${api}/leads/${leadId}`,
    "the first page": list,
    "a deep page": `${list}&page=${deepPage}`,
    "a campaign": campaignUrl,
    health: `${backendUrl}/health`,
  };
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
