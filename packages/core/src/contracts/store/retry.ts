/** Owns the contract of the step `retry`: what a person has tried again, and that an earlier try can do it no harm. */
import { expect, test } from "vitest";
import type { Campaign } from "../../campaign/campaign.ts";
import type { SendOutcome } from "../../message/outcome.ts";
import type { RetryableStatus } from "../../message/retry.ts";
import type { RetryChoice, StepResult } from "../../ports/steps.ts";
import type { ClaimedMessage, Store } from "../../ports/store.ts";
import { NOW } from "../samples.ts";
import {
  admit,
  claimed,
  claimFrom,
  expandAll,
  expectLedgerToClose,
  fold,
  LEASE_MS,
  receipt,
  record,
  recoverAt,
  rowsOf,
  running,
  SENT,
  sending,
  steer,
} from "./world.ts";

const LATER = NOW + 60_000;
const FAILED: SendOutcome = { kind: "failed", code: "131026", reason: "Not on WhatsApp" };
const BROKEN: SendOutcome = { kind: "failed", code: "render_failed", reason: "Too long" };
const UNCERTAIN: SendOutcome = { kind: "uncertain", code: "no_answer", reason: "No answer" };

interface RetryRequest extends Partial<RetryChoice> {
  after?: string | null;
  limit?: number;
  expected?: number | null;
  now?: number;
}

function retry(store: Store, campaign: Campaign, status: RetryableStatus, request: RetryRequest = {}) {
  const { code = null, lead_ids = null, after = null, limit = 1_000, expected = null, now = LATER } = request;
  const choice = { status, code, lead_ids };
  return store.carryOut([{ step: "retry", input: { campaign_id: campaign._id, choice, after, limit, expected, now } }]);
}

function countOf(store: Store, campaign: Campaign, status: RetryableStatus, choice: Partial<RetryChoice> = {}, now = LATER) {
  return store.messages.retryable(campaign._id, { status, code: null, lead_ids: null, ...choice }, now);
}

/** A campaign whose messages came to these ends; `null` leaves one SENDING. */
async function ended(
  store: Store,
  outcomes: readonly (SendOutcome | null)[],
): Promise<{ campaign: Campaign; messages: ClaimedMessage[] }> {
  const { campaign, messages } = await sending(store, outcomes.length);
  for (const [index, message] of messages.entries()) {
    const outcome = outcomes[index] ?? null;
    if (outcome !== null) await record(store, message, outcome);
  }
  return { campaign, messages };
}

/** The one message of a campaign that came to this end, and was tried again by hand since. */
async function triedAgain(
  store: Store,
  outcome: SendOutcome,
  status: RetryableStatus,
): Promise<{ campaign: Campaign; message: ClaimedMessage }> {
  const { campaign, messages } = await ended(store, [outcome]);
  const [message] = messages;
  if (message === undefined) throw new Error("One was expected");
  await retry(store, campaign, status);
  return { campaign, message };
}

async function statusesOf(store: Store, campaign: Campaign): Promise<string[]> {
  return (await rowsOf(store, campaign)).map(({ status }) => status);
}

export function describeRetry(store: () => Store): void {
  test("failed ones are tried again, with tries counted anew and a look at them raised, and a completed campaign runs again", async () => {
    const { campaign } = await ended(store(), [FAILED, SENT, BROKEN]);
    await fold(store(), [], NOW, [campaign._id]);
    await store().carryOut([recoverAt(NOW + 2 * 3_600_000)]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED" });

    const counted = await countOf(store(), campaign, "FAILED");
    expect(counted).toEqual({
      kind: "counted",
      counts: [
        { code: "131026", messages: 1 },
        { code: "render_failed", messages: 1 },
      ],
    });
    const { results, raised } = await retry(store(), campaign, "FAILED", { expected: 2 });
    expect(results).toEqual([{ ...counted, kind: "retried", next: null }]);
    expect(raised).toMatchObject([{ topic: "campaign.messages", value: { campaign_id: campaign._id, messages: 2 } }]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "RUNNING", completed_at: null });
    expect(await statusesOf(store(), campaign)).toEqual(["PENDING", "SENT", "PENDING"]);
    expect(await claimed(store(), campaign, { now: LATER })).toMatchObject([
      { attempt: 2, tries: 1 },
      { attempt: 2, tries: 1 },
    ]);
    await expectLedgerToClose(store(), campaign);
  });

  test("only those with the reason, or to the leads, that were chosen are tried again", async () => {
    const { campaign, messages } = await ended(store(), [FAILED, BROKEN, FAILED, FAILED]);
    const ids = messages.map(({ lead_id }) => lead_id);
    const [first = "", second = "", third = ""] = ids;
    expect(await countOf(store(), campaign, "FAILED", { code: "131026" })).toMatchObject({ counts: [{ messages: 3 }] });
    await retry(store(), campaign, "FAILED", { code: "render_failed" });
    expect(await statusesOf(store(), campaign)).toEqual(["FAILED", "PENDING", "FAILED", "FAILED"]);
    const chosen = { lead_ids: [third, first, second, third, "nobody"], code: "131026" };
    expect(await countOf(store(), campaign, "FAILED", chosen)).toMatchObject({ counts: [{ messages: 2 }] });
    await retry(store(), campaign, "FAILED", { ...chosen, expected: 2 });
    expect(await statusesOf(store(), campaign)).toEqual(["PENDING", "PENDING", "PENDING", "FAILED"]);
    await expectLedgerToClose(store(), campaign);
  });

  test("many are tried again in rounds, each message once, also where it fails again between them", async () => {
    const campaign = await running(store(), 20);
    await expandAll(store(), campaign, 4);
    const failAll = async (now: number): Promise<number> => {
      let failed = 0;
      for (
        let batch = await claimed(store(), campaign, { now });
        batch.length > 0;
        batch = await claimed(store(), campaign, { now })
      ) {
        await admit(store(), batch, { now });
        for (const message of batch) await record(store(), message, FAILED, "w1", now);
        failed += batch.length;
      }
      return failed;
    };
    await failAll(NOW);
    const rounds: number[] = [];
    for (let after: string | null = null, round = 0; round < 20; round += 1) {
      const [result]: [StepResult<"retry">] = (await retry(store(), campaign, "FAILED", { after, limit: 7 })).results;
      if (result.kind !== "retried") throw new Error(`It was ${result.kind}`);
      rounds.push(await failAll(LATER));
      if (result.next === null) break;
      after = result.next;
    }
    expect(rounds).toEqual([7, 7, 6]);
    await expectLedgerToClose(store(), campaign);
  });

  test("named leads, too, are tried again in rounds", async () => {
    const { campaign, messages } = await ended(store(), [FAILED, FAILED, SENT, FAILED]);
    const lead_ids = messages.map(({ lead_id }) => lead_id).reverse();
    const [first] = (await retry(store(), campaign, "FAILED", { lead_ids, limit: 2 })).results;
    expect(first).toMatchObject({ kind: "retried", counts: [{ messages: 2 }], next: messages[1]?.lead_id });
    const after = messages[1]?.lead_id ?? null;
    const [second] = (await retry(store(), campaign, "FAILED", { lead_ids, limit: 2, after })).results;
    expect(second).toMatchObject({ kind: "retried", counts: [{ messages: 1 }], next: null });
  });

  test("two who want the same at once have each message tried again once", async () => {
    const { campaign } = await ended(store(), [FAILED, FAILED]);
    const asked = await Promise.all([1, 2].map(() => retry(store(), campaign, "FAILED", { expected: 2 })));
    expect(asked.map(({ results: [{ kind }] }) => kind).sort()).toEqual(["changed", "retried"]);
    expect(await statusesOf(store(), campaign)).toEqual(["PENDING", "PENDING"]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a count that is not true any more changes nothing", async () => {
    const { campaign } = await ended(store(), [FAILED, FAILED, SENT]);
    const { results, raised } = await retry(store(), campaign, "FAILED", { expected: 3 });
    expect(results).toEqual([{ kind: "changed", counts: [{ code: "131026", messages: 2 }] }]);
    expect(raised).toEqual([]);
    expect(await statusesOf(store(), campaign)).toEqual(["FAILED", "FAILED", "SENT"]);
  });

  test("skipped ones are tried again where the reason may have passed, and the others never", async () => {
    const campaign = await running(store(), 3);
    await expandAll(store(), campaign);
    const [blank, gone, capped] = await claimed(store(), campaign);
    if (blank === undefined || gone === undefined || capped === undefined) throw new Error("Three were expected");
    await record(store(), blank, { kind: "skipped", reason: "blank_variable", detail: "Nothing is known for {{ name }}" });
    await record(store(), gone, { kind: "skipped", reason: "lead_deleted", detail: "The lead has been deleted" });
    await record(store(), capped, { kind: "skipped", reason: "frequency_cap", detail: "Has had enough" });
    expect(await countOf(store(), campaign, "SKIPPED", { code: "lead_deleted" })).toEqual({ kind: "counted", counts: [] });
    expect(await countOf(store(), campaign, "SKIPPED")).toMatchObject({
      counts: [
        { code: "blank_variable", messages: 1 },
        { code: "frequency_cap", messages: 1 },
      ],
    });
    await retry(store(), campaign, "SKIPPED", { expected: 2 });
    expect(await statusesOf(store(), campaign)).toEqual(["PENDING", "SKIPPED", "PENDING"]);
    expect((await store().messages.history(blank._id)).map(({ status, code }) => [status, code])).toEqual([
      ["PENDING", null],
      ["SKIPPED", "blank_variable"],
      ["RETRIED", null],
    ]);
    await expectLedgerToClose(store(), campaign);
  });

  test("messages of a paused campaign wait until it is resumed, and those of a cancelled one are refused", async () => {
    const { campaign } = await ended(store(), [FAILED, UNCERTAIN]);
    await steer(store(), campaign, "pause");
    expect((await retry(store(), campaign, "FAILED")).raised).toEqual([]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "PAUSED" });
    expect(await claimFrom(store(), campaign)).toEqual({ kind: "nothing" });
    await steer(store(), campaign, "cancel");
    const refused = {
      kind: "refused",
      reason: "It is CANCELLED, and only messages of a RUNNING, PAUSED or COMPLETED campaign can be tried again",
    };
    expect((await retry(store(), campaign, "UNCERTAIN")).results).toEqual([refused]);
    expect(await countOf(store(), campaign, "UNCERTAIN")).toEqual(refused);
    expect(await countOf(store(), { ...campaign, _id: "0".repeat(24) }, "UNCERTAIN")).toEqual({ kind: "not_found" });
    await expectLedgerToClose(store(), campaign);
  });

  test("an uncertain one is only tried again by hand, and then its old worker can only say that it was sent", async () => {
    const { campaign, messages } = await ended(store(), [null, null, null]);
    await store().carryOut([recoverAt(NOW + LEASE_MS)]);
    expect(await claimFrom(store(), campaign, { now: LATER })).toEqual({ kind: "nothing" });
    await retry(store(), campaign, "UNCERTAIN", { now: NOW + LEASE_MS, expected: 3 });

    const [failed, uncertain, sent] = messages;
    if (failed === undefined || uncertain === undefined || sent === undefined) throw new Error("Three were expected");
    expect((await record(store(), failed, FAILED)).results).toEqual([{ applied: 0 }]);
    expect((await record(store(), uncertain, UNCERTAIN)).results).toEqual([{ applied: 0 }]);
    expect((await record(store(), sent, SENT)).results).toEqual([{ applied: 1 }]);
    expect(await statusesOf(store(), campaign)).toEqual(["PENDING", "PENDING", "SENT"]);

    const again = await claimed(store(), campaign, { worker: "w1", now: NOW + LEASE_MS });
    expect(again.map(({ _id, attempt }) => [_id, attempt])).toEqual([
      [failed._id, 2],
      [uncertain._id, 2],
    ]);
    await admit(store(), again, { now: NOW + LEASE_MS });
    expect((await record(store(), failed, FAILED)).results).toEqual([{ applied: 0 }]);
    expect((await record(store(), uncertain, { kind: "released" })).results).toEqual([{ applied: 0 }]);
    expect(await statusesOf(store(), campaign)).toEqual(["SENDING", "SENDING", "SENT"]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a failure that is told of the earlier try does not fail the one that goes on", async () => {
    const { campaign, message } = await triedAgain(store(), UNCERTAIN, "UNCERTAIN");
    expect((await fold(store(), [receipt(message, "FAILED", LATER - 1)], LATER)).results).toMatchObject([{ moved: 0 }]);
    expect(await statusesOf(store(), campaign)).toEqual(["PENDING"]);
    const again = await claimed(store(), campaign, { now: LATER });
    await admit(store(), again, { now: LATER });
    await fold(store(), [receipt(message, "FAILED", LATER - 1)], LATER);
    expect(await statusesOf(store(), campaign)).toEqual(["SENDING"]);
    await fold(store(), [receipt(message, "FAILED", LATER + 1)], LATER + 1);
    expect(await statusesOf(store(), campaign)).toEqual(["FAILED"]);
    await expectLedgerToClose(store(), campaign);
  });

  test("that the earlier try was sent settles what was uncertain, and says nothing new of what has failed since", async () => {
    const uncertain = await triedAgain(store(), UNCERTAIN, "UNCERTAIN");
    await fold(store(), [receipt(uncertain.message, "SENT", LATER - 1)], LATER);
    expect(await statusesOf(store(), uncertain.campaign)).toEqual(["SENT"]);
    expect(await claimFrom(store(), uncertain.campaign, { now: LATER })).toEqual({ kind: "nothing" });

    const { campaign, messages } = await sending(store(), 0);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    await fold(store(), [receipt(message, "FAILED")]);
    await retry(store(), campaign, "FAILED");
    await fold(store(), [receipt(message, "SENT", NOW)], LATER);
    expect(await statusesOf(store(), campaign)).toEqual(["PENDING"]);
    await expectLedgerToClose(store(), campaign);
  });

  test.each(["DELIVERED", "READ"] as const)("that the earlier try was %s counts, and nobody sends again", async (status) => {
    const { campaign, message } = await triedAgain(store(), FAILED, "FAILED");
    const again = await claimed(store(), campaign, { now: LATER });
    await fold(store(), [receipt(message, status, LATER - 1)], LATER);
    expect((await admit(store(), again, { now: LATER })).admitted).toEqual([]);
    await record(store(), again[0] ?? message, { kind: "released" }, "w1", LATER);
    expect(await statusesOf(store(), campaign)).toEqual([status]);
    await expectLedgerToClose(store(), campaign);
  });

  test("the history of a message tells every try", async () => {
    const { campaign, message } = await triedAgain(store(), UNCERTAIN, "UNCERTAIN");
    const again = await claimed(store(), campaign, { now: LATER + 1 });
    await admit(store(), again, { now: LATER + 1 });
    await record(store(), again[0] ?? message, { kind: "sent", providerId: "wamid.2" }, "w1", LATER + 2);
    await fold(store(), [receipt(message, "FAILED", LATER + 3)], LATER + 3);
    const [retried] = (await retry(store(), campaign, "FAILED", { now: LATER + 4 })).results;
    expect(retried).toMatchObject({ kind: "retried" });
    await fold(store(), [receipt(message, "READ", LATER + 5)], LATER + 5);
    const history = await store().messages.history(message._id);
    expect(history.map(({ at, status, attempt, code, provider_id }) => [at - NOW, status, attempt, code ?? provider_id])).toEqual(
      [
        [0, "PENDING", 0, null],
        [0, "SENDING", 1, null],
        [0, "UNCERTAIN", 1, "no_answer"],
        [60_000, "RETRIED", 1, null],
        [60_001, "SENDING", 2, null],
        [60_002, "SENT", 2, "wamid.2"],
        [60_003, "FAILED", 2, "131026"],
        [60_004, "RETRIED", 2, null],
        [60_005, "DELIVERED", 2, null],
        [60_005, "READ", 2, null],
      ],
    );
    expect(await store().messages.history("nonsense")).toEqual([]);
  });
}
