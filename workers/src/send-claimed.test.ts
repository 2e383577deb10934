import { AppError } from "@mini-crm/core/app-error";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { draft, importLeads, leadInputs, startOf } from "@mini-crm/core/contracts/samples";
import type { OutgoingMessage, SendAnswer, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_TIMING, startWorkers, type Workers } from "./start-workers.ts";
import { openTestEngines, type TestEngines } from "./test-engines.ts";

const ACCEPTED: SendAnswer = { kind: "accepted", providerId: "1" };
const REFUSED: SendAnswer = { kind: "permanent", scope: "campaign", code: "132001", reason: "No such template.", wish: null };
const STOPPED: SendAnswer = {
  kind: "permanent",
  scope: "recipient",
  code: "131050",
  reason: "They have stopped it",
  wish: "stop",
};

let engines: TestEngines;
let workers: Workers | null = null;
/** Whom something was sent to. */
let asked: string[] = [];

beforeEach(async () => {
  engines = await openTestEngines();
  asked = [];
});
afterEach(async () => {
  await workers?.close();
  workers = null;
  await engines.close();
});

/** Runs a campaign to three people over a WhatsApp that answers so. */
async function run(answer: (message: OutgoingMessage) => SendAnswer): Promise<string> {
  const { deps } = engines;
  const { store, bus, clock } = deps;
  const simulated = engines.simulator("default");
  const provider: WhatsAppProvider = {
    ...simulated,
    async send(message) {
      asked.push(message.to);
      return answer(message);
    },
  };
  workers = await startWorkers(
    deps,
    { open: async () => provider, limitsOf: () => NO_LIMITS },
    { ...DEFAULT_TIMING, receiptWindowMs: 0 },
  );
  await importLeads(store, leadInputs(3), clock.now());
  const campaign = draft({ created_at: clock.now(), updated_at: clock.now() });
  await store.campaigns.create(campaign);
  const { step, input } = startOf(campaign, { expected: 3 });
  await bus.commit([{ step, input: { ...input, frozen: { ...input.frozen, cutoff: clock.now() }, now: clock.now() } }]);
  return campaign._id;
}

/** How the campaign stands when time has gone on. */
async function later(id: string) {
  await engines.deps.clock.advance(500);
  const campaign = await engines.deps.store.campaigns.read(id);
  return { status: campaign?.status, hold: campaign?.hold ?? null, counts: campaign?.counts };
}

describe("a refusal that says that the campaign is wrong", () => {
  test("stops it where nobody was sent anything, and a person is told what to do", async () => {
    const id = await run(() => REFUSED);
    await expect
      .poll(() => later(id), { timeout: 10_000 })
      .toMatchObject({
        status: "PAUSED",
        counts: { FAILED: 3 },
        hold: { code: "refused", reason: expect.stringContaining("(132001): No such template. Mend that") },
      });
  });

  test("is one recipient's own where the others were sent the same", async () => {
    const id = await run(({ to }) => (to.endsWith("1") ? REFUSED : ACCEPTED));
    await expect.poll(() => later(id), { timeout: 10_000 }).toMatchObject({ counts: { FAILED: 1, SENT: 2 }, hold: null });
  });
});

describe("what an answer says of a recipient's wish", () => {
  const consents = async () => {
    await engines.deps.clock.advance(500);
    const { items } = await engines.deps.store.leads.list({
      ...{ page: 1, limit: 10, rule: null, now: 0 },
      sort: { by: "name", direction: "asc" },
    });
    return items.map(({ consent }) => consent.state);
  };

  test("ends what they are sent, and stops none of the others", async () => {
    const id = await run(({ to }) => (to.endsWith("1") ? STOPPED : ACCEPTED));
    await expect.poll(() => later(id), { timeout: 10_000 }).toMatchObject({ counts: { FAILED: 1, SENT: 2 } });
    await expect.poll(consents).toEqual(["unknown", "opted_out", "unknown"]);
  });

  test("is written down with what came of the others, however long that takes, and nobody is asked again", async () => {
    const { bus } = engines.deps;
    const commit = bus.commit.bind(bus);
    let failures = 0;
    bus.commit = (steps) => {
      const isOutcome = steps.some(({ step }) => step === "record");
      if (!isOutcome || failures >= 3) return commit(steps);
      failures += 1;
      return Promise.reject(new AppError("STORE_UNAVAILABLE", "The disk is gone", { retryable: true }));
    };
    const id = await run(({ to }) => (to.endsWith("1") ? STOPPED : ACCEPTED));
    await expect.poll(() => later(id), { timeout: 10_000 }).toMatchObject({ counts: { FAILED: 1, SENT: 2 } });
    expect(await consents()).toEqual(["unknown", "opted_out", "unknown"]);
    expect([failures, asked.length]).toEqual([3, 3]);
  });
});
