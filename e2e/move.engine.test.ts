/** Proves `minicrm move` as a process of its own, with the product before and after it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMongoToFill } from "@mini-crm/adapters/mongo/database";
import { temporaryUrl } from "@mini-crm/adapters/mongo/temporary";
import { startEntry } from "@mini-crm/cli/drill/system";
import { admit, claimed, expandAll, expectLedgerToClose, record, running, SENT } from "@mini-crm/core/contracts/store/world";
import { type Engines, openEngines } from "@mini-crm/runtime/engines";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
let mongodbUrl: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mini-crm-move-"));
  mongodbUrl = temporaryUrl();
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  const target = await openMongoToFill(mongodbUrl);
  await target.db.dropDatabase();
  await target.close();
});

async function runMove(args: string, env: Record<string, string> = {}): Promise<{ code: number | string; output: string }> {
  const started = startEntry("cli/src/main.ts", ["move", ...args.split(" ")], {
    DATA_DIR: folder,
    MONGODB_URL: mongodbUrl,
    ...env,
  });
  const code = await started.exited;
  return { code, output: started.output() };
}

const THE_WAY = "--from sqlite --to mongodb";

async function withEngines<T>(config: Parameters<typeof openEngines>[0], work: (engines: Engines) => Promise<T>): Promise<T> {
  const engines = await openEngines(config);
  try {
    return await work(engines);
  } finally {
    await engines.close();
  }
}

test("a store with a campaign in mid-run is moved, is used, and is then refused to another move", async () => {
  const campaign = await withEngines({ dataDir: folder }, async ({ store }) => {
    const made = await running(store, 6);
    await expandAll(store, made, 4);
    const messages = await claimed(store, made, { max: 3 });
    await admit(store, messages);
    for (const message of messages) await record(store, message, SENT);
    return made;
  });
  const { code, output } = await runMove(THE_WAY);
  expect([code, output]).toEqual([0, expect.stringMatching(/same +message +6 +[0-9a-f]{64}\n/)]);
  expect(output).not.toContain("copies message:");
  expect((await runMove(THE_WAY)).code).toBe(0);
  await withEngines({ dataDir: folder, mongodbUrl }, async ({ store }) => {
    expect((await store.campaigns.read(campaign._id))?.counts).toMatchObject({ SENT: 3, PENDING: 3 });
    await expectLedgerToClose(store, campaign);
  });
  const again = await runMove(THE_WAY);
  expect([again.code, again.output]).toEqual([2, expect.stringContaining("in use: it has been used since")]);
});

test("whatever cannot be is refused in a sentence, with exit code 2", async () => {
  for (const [args, env, sentence] of [
    ["--from mongodb --to sqlite", {}, 'takes --from sqlite --to mongodb and nothing else, not "--from mongodb --to sqlite".'],
    [`${THE_WAY} --force`, {}, "Unknown option '--force'"],
    [THE_WAY, { MONGODB_URL: "" }, "MONGODB_URL is not set"],
    [THE_WAY, {}, `There is no ${join(folder, "mini-crm.db")}`],
  ] as const) {
    const { code, output } = await runMove(args, env);
    expect([code, output], args).toEqual([2, expect.stringContaining(sentence)]);
  }
  await withEngines({ dataDir: folder }, async ({ store, clock }) => {
    const detail = { stages: {}, channels: [] };
    await store.processes.sign({ _id: "here/1/a", role: "workers", seen_at: clock.now(), detail });
    const { code, output } = await runMove(THE_WAY);
    expect([code, output]).toEqual([2, expect.stringContaining("workers here/1/a")]);
  });
});
