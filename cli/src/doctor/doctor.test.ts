import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { admit, claimed, expandAll, LEASE_MS, record, recoverAt, running, SENT } from "@mini-crm/core/contracts/store/world";
import { type Engines, openEngines, openEnginesToRead } from "@mini-crm/runtime/engines";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startEntry } from "../drill/system.ts";
import { examine } from "./examine.ts";

const HOUR_MS = 3_600_000;

let folder: string;
let engines: Engines;
let campaign: Campaign;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mini-crm-doctor-"));
  engines = await openEngines({ dataDir: folder });
  campaign = await running(engines.store, 6);
  await expandAll(engines.store, campaign, 4);
  const messages = await claimed(engines.store, campaign, { max: 3, now: engines.clock.now() });
  await admit(engines.store, messages);
  for (const message of messages) await record(engines.store, message, SENT);
});
afterEach(async () => {
  await engines.close();
  await rm(folder, { recursive: true });
});

/** Changes what is stored behind everybody's back. */
function plant(sql: string, ...params: (string | number)[]): void {
  const db = new DatabaseSync(join(folder, "mini-crm.db"));
  expect(db.prepare(sql).run(...params).changes).toBeGreaterThan(0);
  db.close();
}

async function problems(): Promise<string[]> {
  const toRead = await openEnginesToRead({ dataDir: folder });
  if (toRead === null) throw new Error("There is something to look at");
  try {
    return (await examine({ ...toRead, receiptWindowMs: HOUR_MS })).flatMap((finding) => finding.problems);
  } finally {
    await toRead.close();
  }
}

/** Runs the command as a process of its own; answers its exit code and what it printed. */
async function runDoctor(args: readonly string[], dataDir = folder): Promise<{ code: number | string; output: string }> {
  const started = startEntry("cli/src/main.ts", ["doctor", ...args], { DATA_DIR: dataDir });
  const code = await started.exited;
  return { code, output: started.output() };
}

function signOfWorkers(): Promise<void> {
  const detail = { stages: {}, channels: [] };
  return engines.store.processes.sign({ _id: "somewhere/1/a", role: "workers", seen_at: engines.clock.now(), detail });
}

describe("the command", () => {
  test("finds all well beside a running product, and changes nothing of what is stored", async () => {
    const before = await readFile(join(folder, "mini-crm.db"));
    const { code, output } = await runDoctor([]);
    expect([code, output]).toEqual([0, expect.stringContaining("All is well.")]);
    expect(output).toContain("1 campaigns with 6 messages, each counted");
    expect((await readFile(join(folder, "mini-crm.db"))).equals(before)).toBe(true);
  });

  test("tells a wrong counter with both figures and ends with 1, in words and for machines", async () => {
    plant("UPDATE campaign_count SET messages = messages + 2 WHERE status = 'SENT'");
    const { code, output } = await runDoctor([]);
    const problem = `Of "Rewards" (${campaign._id}), 5 messages are counted as SENT, and 3 rows are`;
    expect(code).toBe(1);
    expect(output).toContain(problem);
    const json = await runDoctor(["--json"]);
    expect([json.code, JSON.parse(json.output)]).toMatchObject([1, { ok: false, data_dir: folder }]);
    expect(JSON.parse(json.output).findings.flatMap((finding: { problems: string[] }) => finding.problems)).toEqual([problem]);
  });

  test("that cannot look says why, ends with 2, and leaves no folder behind", async () => {
    const nowhere = join(folder, "nowhere");
    const empty = await runDoctor([], nowhere);
    expect([empty.code, empty.output]).toEqual([2, expect.stringContaining(`Nothing has been stored in ${nowhere} yet`)]);
    expect(existsSync(nowhere)).toBe(false);
    const asked = await runDoctor(["--fix"]);
    expect([asked.code, asked.output]).toEqual([2, expect.stringContaining('not "--fix"')]);
    const broken = await mkdtemp(join(folder, "broken-"));
    await writeFile(join(broken, "mini-crm.db"), "no database at all, and long enough to be looked at ".repeat(100));
    const garbage = await runDoctor([], broken);
    expect([garbage.code, garbage.output]).toEqual([2, expect.stringContaining("file is not a database")]);
  });
});

describe("what is wrong is told", () => {
  test("of a message whose status nobody has counted", async () => {
    plant("UPDATE message SET status = 'DELIVERED' WHERE lead_id = (SELECT max(lead_id) FROM message WHERE status = 'SENT')");
    expect(await problems()).toEqual([
      expect.stringMatching(/, 3 messages are counted as SENT, and 2 rows are$/),
      expect.stringMatching(/, 0 messages are counted as DELIVERED, and 1 rows are$/),
    ]);
  });

  test("of counters that only make up for each other", async () => {
    plant("UPDATE campaign_count SET messages = messages + 1 WHERE status = 'PENDING' AND window = ''");
    plant("UPDATE campaign_count SET messages = messages - 1 WHERE status = 'PENDING' AND window <> ''");
    expect(await problems()).toEqual([
      expect.stringMatching(/, 2 messages are counted as PENDING, and 1 rows are$/),
      expect.stringMatching(/, 1 messages are counted as PENDING, behind the lead [0-9a-f]{24}, and 2 rows are$/),
    ]);
  });

  test("of a ledger with a figure below 0", async () => {
    plant("UPDATE campaign_count SET messages = -1 WHERE status = 'SENT'");
    expect(await problems()).toContain(`The ledger of "Rewards" (${campaign._id}) does not close`);
  });

  test("of leads that are miscounted, or not found by what they have", async () => {
    plant("UPDATE lead_total SET leads = 7");
    plant("DELETE FROM lead_contact WHERE value = '+14155550002'");
    plant("INSERT INTO lead_contact (kind, value, lead_id) VALUES ('tag', 'ghost', 'nobody')");
    expect(await problems()).toEqual([
      "7 leads are shown as the total, and there are 6",
      expect.stringMatching(/^The lead [0-9a-f]{24} is not found by its phone$/),
      "A tag leads to nobody, which is no lead",
    ]);
  });

  test("of claims that nobody frees, where workers run", async () => {
    const at = engines.clock.now() - LEASE_MS - 90_000;
    await claimed(engines.store, campaign, { max: 2, now: at });
    expect(await problems()).toEqual([]);
    await signOfWorkers();
    expect(await problems()).toEqual([
      expect.stringMatching(
        new RegExp(`^[12] messages of the campaign ${campaign._id} are held by w1, whose time was over \\d+ s ago$`),
      ),
    ]);
    await engines.store.carryOut([recoverAt(engines.clock.now())]);
    expect(await problems()).toEqual([]);
  });

  test("of a campaign that has nothing left to do and runs on, where workers run", async () => {
    plant("UPDATE campaign_count SET status = 'DELIVERED' WHERE status = 'SENT'");
    plant("UPDATE campaign_count SET status = 'CANCELLED' WHERE status = 'PENDING'");
    plant("UPDATE message SET status = CASE status WHEN 'SENT' THEN 'DELIVERED' ELSE 'CANCELLED' END");
    expect(await problems()).toEqual([]);
    await signOfWorkers();
    expect(await problems()).toEqual([`"Rewards" (${campaign._id}) has nothing left to do, and is RUNNING`]);
  });

  test("of an event that was laid aside", async () => {
    plant(
      "INSERT INTO event_log (topic, partition, base, n, payload, at) VALUES ('campaign.jobs.dead', 0, 0, 1, ?, 0)",
      JSON.stringify([{ key: campaign._id, value: { value: {}, reason: "It cannot be read" } }]),
    );
    expect(await problems()).toEqual([
      `An event of campaign.jobs with the key ${campaign._id} was laid aside: It cannot be read`,
    ]);
  });

  test("of data of another version, and then nothing else is looked at", async () => {
    const db = new DatabaseSync(join(folder, "mini-crm.db"));
    db.exec("PRAGMA user_version = 999");
    db.close();
    expect(await problems()).toEqual([expect.stringContaining("written by a newer version")]);
  });
});
