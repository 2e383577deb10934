/** Proves that a kill -9 at any moment loses nothing and sends nothing twice: from the simulator's outbox and the ledger. */
import { afterEach, describe, expect, test } from "vitest";
import { importLeads, readCampaign, readMessages, readOutbox, runCampaign } from "./campaign.ts";
import { LAYOUTS, type System, startSystem, temporaryFolder } from "./system.ts";

/** More than so many kills can find on the wire, so that the last one still finds a campaign that runs. */
const LEADS = 20_000;
const KILLS = 6;
/** Slow enough that a kill finds messages in every state. */
const PACE = {
  MESSAGES_PER_MINUTE: "0",
  SIMULATOR_LATENCY_MS: "100-900",
  SIMULATOR_DELIVERED_AFTER_MS: "50-600",
};

let system: System | null = null;
afterEach(async () => {
  await system?.kill();
  system = null;
});

describe.each(LAYOUTS)("killed again and again in %s", (layout) => {
  test("a campaign reaches everybody once, and its counters equal its rows", { timeout: 180_000 }, async () => {
    const { folder, remove } = await temporaryFolder();
    const start = () => startSystem(layout, { ...PACE, DATA_DIR: folder });
    let running = await start();
    system = running;
    await importLeads(running, LEADS);
    const id = await runCampaign(running);
    for (let kill = 0; kill < KILLS; kill += 1) {
      // As soon as this process has moved something, and then a little later each time: in the expansion, between claim and
      // send, between send and record, among the receipts.
      const stats = async () => JSON.stringify((await readCampaign(running, id)).stats);
      const before = await stats();
      await expect.poll(stats, { timeout: 60_000, interval: 5 }).not.toBe(before);
      for (let look = 0; look < kill * 20; look += 1) await stats();
      await running.kill();
      running = await start();
      system = running;
    }
    expect((await readCampaign(running, id)).status).toBe("RUNNING");

    await expect
      .poll(() => readCampaign(running, id), { timeout: 120_000, interval: 200 })
      .toMatchObject({ status: "COMPLETED" });
    const { stats } = await readCampaign(running, id);
    const rows = await readMessages(running, id);
    const outbox = await readOutbox(running);
    expect(outbox.sentMoreThanOnce).toBe(0);
    expect(stats).toMatchObject({ audience: LEADS, failed: 0, skipped: 0, cancelled: 0, pending: 0 });
    expect(stats.sent + stats.uncertain).toBe(LEADS);
    expect(rows.size).toBe(LEADS);
    const inStatus = (...statuses: string[]) => [...rows].filter(([, status]) => statuses.includes(status)).map(([_id]) => _id);
    expect(stats.sent).toBe(inStatus("SENT", "DELIVERED", "READ").length);
    expect(stats.uncertain).toBe(inStatus("UNCERTAIN").length);
    // What the ledger calls sent has left; what it calls uncertain has not, or its receipt would have settled it.
    expect(new Set(outbox.ids)).toEqual(new Set(inStatus("SENT", "DELIVERED", "READ")));
    expect(await running.stop()).toEqual(layout === "one process" ? [0] : [0, 0]);
    await remove();
  });
});
