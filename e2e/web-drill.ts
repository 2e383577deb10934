/** Owns the short drill over WhatsApp Web: workers that are killed in the middle of a campaign, and every promise kept. */
import { expect } from "vitest";
import { importLeads, readCampaign, runCampaign } from "./campaign.ts";
import { openFakeWeb } from "./fake-web.ts";
import { expectPromisesKept } from "./proof.ts";
import { eventually, startSystem, temporaryFolder } from "./system.ts";

/** More than a linked device sends in a minute, so that its limit is part of the proof. */
const LEADS = 24;
const MESSAGES_PER_MINUTE = 20;

/** Of two processes the workers are killed three times, always with the same session in the store. */
export async function expectWebDrillToKeepPromises(): Promise<void> {
  const { folder, remove } = await temporaryFolder();
  const outside = await openFakeWeb();
  const { fake } = outside;
  const system = await startSystem("two processes", { DATA_DIR: folder, ...outside.settings });
  const left = () => fake.outbox().length;
  const untilLeft = (messages: number) => eventually(async () => expect(left()).toBeGreaterThanOrEqual(messages));
  const killAndStart = async () => {
    await system.kill(["workers"]);
    await system.start(["workers"]);
  };
  try {
    await outside.connect(system);
    await importLeads(system, LEADS);
    fake.behave({ ack: "none" });
    const campaign = await runCampaign(system);

    // It has left, and its answer will never come.
    await untilLeft(1);
    await killAndStart();
    fake.behave({ ack: "accepted" });
    const [unanswered] = fake.outbox();
    fake.receipt(unanswered?.id ?? "", "delivered");

    // Between the wire and the record.
    await untilLeft(4);
    await killAndStart();

    // Between two messages, or anywhere else.
    const { sent } = (await readCampaign(system, campaign)).stats;
    await eventually(async () => expect((await readCampaign(system, campaign)).stats.sent).toBeGreaterThan(sent + 2));
    await killAndStart();

    const isCompleted = async () => expect(await readCampaign(system, campaign)).toMatchObject({ status: "COMPLETED" });
    await eventually(isCompleted, 150_000);
    const { campaigns } = await expectPromisesKept(system, LEADS, { outside, messagesPerMinute: MESSAGES_PER_MINUTE });
    const rows = campaigns.flatMap((one) => one.rows);
    expect(rows.find(({ phone }) => phone === unanswered?.to)).toMatchObject({ status: "DELIVERED" });
    expect(left()).toBeGreaterThan(MESSAGES_PER_MINUTE);
    expect([fake.devices(), fake.online()]).toEqual([1, 1]);
    expect(await system.stop()).toEqual([0, 0]);
  } finally {
    await system.kill();
    await outside.close();
    await remove();
  }
}
