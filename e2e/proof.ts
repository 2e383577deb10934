/** Owns what tests demand of a system at rest: every promise of the drill's proof, and ledgers without a difference to their rows. */
import { ask, campaignsThatRan } from "@mini-crm/cli/drill/campaigns";
import { type Evidence, judge, readEvidence } from "@mini-crm/cli/drill/proof";
import { type OutsideWorld, SIMULATED } from "@mini-crm/cli/drill/whatsapp";
import { expect } from "vitest";
import type { System } from "./system.ts";

/** What it sent over, and how fast at most; 0 for no limit. */
interface Sent {
  outside: Pick<OutsideWorld, "outbox">;
  messagesPerMinute: number;
}

/** Every campaign that was run went to `leads` recipients. Answers what the proof was read from. */
export async function expectPromisesKept(
  system: System,
  leads: number,
  { outside, messagesPerMinute }: Sent = { outside: SIMULATED, messagesPerMinute: 0 },
): Promise<Evidence> {
  const evidence = await readEvidence(system, outside, { leads, messagesPerMinute });
  expect(judge(evidence).findings.filter(({ violations }) => violations > 0)).toEqual([]);
  for (const { _id } of await campaignsThatRan(system)) {
    const ledger = await ask("GET", `${system.backendUrl}/api/v1/campaigns/${_id}/ledger?check=rows`);
    expect(ledger).toMatchObject({ closes: true, check: { counters_equal_rows: true, rows: leads, differences: [] } });
  }
  return evidence;
}
