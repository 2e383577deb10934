/** Owns the short drill over WhatsApp Web: workers that are killed in the middle of a campaign, and every promise kept. */
import { expect } from "vitest";
import { importLeads, readCampaign, runCampaign } from "./campaign.ts";
import { openFakeWeb } from "./fake-web.ts";
import { expectPromisesKept } from "./proof.ts";
import { eventually, type System, startSystem, temporaryFolder } from "./system.ts";

/** More than a linked device sends in a minute, so that its limit is part of the proof. */
const LEADS = 24;
const MESSAGES_PER_MINUTE = 20;

/** Side by side with other drills everything takes its time. */
const MOST_MS = 180_000;

/** Of two processes the workers are killed three times in the middle of a campaign. */
export async function expectWebDrillToKeepPromises(): Promise<void> {
  const { folder, remove } = await temporaryFolder();
  const outside = await openFakeWeb();
  const { fake } = outside;
  const system = await startSystem("two processes", { DATA_DIR: folder, ...outside.settings });
  const untilLeft = (messages: number) =>
    eventually(async () => expect(fake.outbox().length).toBeGreaterThanOrEqual(messages), MOST_MS);
  try {
    await outside.connect(system);
    await importLeads(system, LEADS);
    fake.behave({ ack: "none" });
    const campaign = await runCampaign(system);

    // It has left, and its answer will never come: only its receipt, which waits for the next login.
    await untilLeft(1);
    await system.kill(["workers"]);
    fake.behave({ ack: "accepted" });
    const [unanswered] = fake.outbox();
    fake.receipt(unanswered?.id ?? "", "delivered");
    await system.start(["workers"]);

    // Between the wire and the record, if a kill ever hits that.
    await untilLeft(4);
    await killAndStart(system);

    // Right after a record.
    const sent = async () => (await readCampaign(system, campaign)).stats.sent;
    const before = await sent();
    await eventually(async () => expect(await sent()).toBeGreaterThan(before), MOST_MS);
    await killAndStart(system);

    const isCompleted = async () => expect(await readCampaign(system, campaign)).toMatchObject({ status: "COMPLETED" });
    await eventually(isCompleted, MOST_MS);
    const { campaigns } = await expectPromisesKept(system, LEADS, { outside, messagesPerMinute: MESSAGES_PER_MINUTE });
    const rows = campaigns.flatMap((one) => one.rows);
    expect(rows.find(({ phone }) => phone === unanswered?.to)).toMatchObject({ status: "DELIVERED" });
    expect(fake.outbox().length).toBeGreaterThan(MESSAGES_PER_MINUTE);
    expect([fake.devices(), fake.online()]).toEqual([1, 1]);
    expect(await system.stop()).toEqual([0, 0]);
  } finally {
    await system.kill();
    await outside.close();
    await remove();
  }
}

async function killAndStart(system: System): Promise<void> {
  await system.kill(["workers"]);
  await system.start(["workers"]);
}
