/** Owns the contract of the step `fold`: receipts, and the end of a campaign. */
import { expect, test } from "vitest";
import { ledgerOf } from "../../campaign/campaign.ts";
import { type StatusEvent } from "../../event/topics.ts";
import { messageId } from "../../message/message.ts";
import { type Store } from "../../ports/store.ts";
import { NOW, newId } from "../samples.ts";
import { expectLedgerToClose, fold, HOUR_MS, receipt, record, recoverAt, SENT, sending } from "./world.ts";

export function describeStatuses(store: () => Store): void {
  test("receipts in any order and doubled end the same, and never go backwards", async () => {
    const orders: StatusEvent["status"][][] = [
      ["SENT", "DELIVERED", "READ"],
      ["READ", "DELIVERED", "SENT"],
      ["DELIVERED", "READ", "DELIVERED", "SENT", "READ"],
    ];
    const { campaign, messages } = await sending(store(), orders.length);
    for (const [index, order] of orders.entries()) {
      const message = messages[index];
      if (message === undefined) throw new Error("A message for each order was expected");
      for (const status of order) await fold(store(), [{ ...receipt(message, "SENT"), status }]);
      await record(store(), message, SENT);
      expect(await store().messages.read(message._id)).toMatchObject({
        status: "READ",
        delivered_at: NOW,
        read_at: NOW,
        sent_at: NOW,
      });
    }
    await expectLedgerToClose(store(), campaign);
  });

  test("several outcomes and receipts of one message in one batch all count, in their order", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    const { _id, attempt } = message;
    const uncertain = { kind: "uncertain", code: "no_answer", reason: "Cut" } as const;
    const outcomes = [uncertain, SENT].map((outcome) => ({ message_id: _id, attempt, outcome }));
    const recorded = await store().carryOut([{ step: "record", input: { worker: "w1", outcomes, now: NOW } }]);
    expect(recorded.results).toEqual([{ applied: 2 }]);
    const folded = await fold(store(), [
      receipt(message, "FAILED"),
      receipt(message, "READ", NOW + 2),
      receipt(message, "DELIVERED"),
    ]);
    expect(folded.results).toMatchObject([{ moved: 2 }]);
    expect(await store().messages.read(_id)).toMatchObject({
      status: "READ",
      delivered_at: NOW + 2,
      code: null,
      settled_at: null,
    });
    const statuses = (await store().messages.history(_id)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual(["DELIVERED", "FAILED", "PENDING", "READ", "SENDING", "SENT", "UNCERTAIN"]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a late delivery beats a failure, and a late failure does not undo a delivery", async () => {
    const { campaign, messages } = await sending(store(), 2);
    const [first, second] = messages;
    if (first === undefined || second === undefined) throw new Error("Two were expected");
    await fold(store(), [receipt(first, "FAILED"), receipt(second, "DELIVERED")]);
    expect(await store().messages.read(first._id)).toMatchObject({ status: "FAILED", code: "131026", reason: "Not on WhatsApp" });
    await fold(store(), [receipt(first, "DELIVERED"), receipt(second, "FAILED")]);
    expect(await store().messages.read(first._id)).toMatchObject({ status: "DELIVERED", code: null, settled_at: null });
    expect(await store().messages.read(second._id)).toMatchObject({ status: "DELIVERED", code: null });
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign completes when nothing is pending and every sent message has its receipt", async () => {
    const { campaign, messages } = await sending(store(), 2);
    const [first, second] = messages;
    if (first === undefined || second === undefined) throw new Error("Two were expected");
    await record(store(), first, SENT);
    await record(store(), second, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    const sentOnly = await fold(store(), [], NOW, [campaign._id]);
    expect(sentOnly.results).toMatchObject([{ completed: [] }]);
    const { results } = await fold(store(), [receipt(first, "DELIVERED")], NOW + 7);
    expect(results).toEqual([{ moved: 1, completed: [campaign._id] }]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED", completed_at: NOW + 7 });
  });

  test("receipts that never come end with their window, and those that come later still count", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    await record(store(), message, SENT);
    expect((await store().carryOut([recoverAt(NOW + HOUR_MS)])).results).toMatchObject([{ completed: [] }]);
    expect((await store().carryOut([recoverAt(NOW + HOUR_MS + 1)])).results).toMatchObject([{ completed: [campaign._id] }]);
    await fold(store(), [receipt(message, "DELIVERED")]);
    expect(ledgerOf((await store().campaigns.read(campaign._id)) ?? campaign)).toMatchObject({ sent: 1, delivered: 1 });
  });

  test("statuses of unknown messages are passed over", async () => {
    expect((await fold(store(), [receipt({ _id: messageId(newId(), newId()) }, "READ")])).results).toEqual([
      { moved: 0, completed: [] },
    ]);
    expect((await fold(store(), [receipt({ _id: "nonsense" }, "READ")])).results).toEqual([{ moved: 0, completed: [] }]);
  });
}
