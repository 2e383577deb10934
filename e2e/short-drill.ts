/** Owns the short form of `minicrm drill`: from a seed of its own, and every promise kept. */
import { randomInt } from "node:crypto";
import { drillLayout, type LayoutDrill } from "@mini-crm/cli/drill/drill";
import { SIMULATED } from "@mini-crm/cli/drill/whatsapp";
import { expect } from "vitest";

/** Carries the drill out; the promises that were broken fail the test, with the seed. */
export async function expectDrillToKeepPromises(
  drill: Pick<LayoutDrill, "layout" | "engines" | "kills" | "leads"> & Partial<Pick<LayoutDrill, "whatsApp">>,
): Promise<void> {
  const seed = randomInt(2 ** 31);
  const print = (text: string) => console.log(text);
  const { figures, findings } = await drillLayout({
    whatsApp: async () => SIMULATED,
    ...drill,
    seed,
    print,
    signal: new AbortController().signal,
  });
  expect(
    findings.filter(({ violations }) => violations > 0),
    `seed ${seed}`,
  ).toEqual([]);
  expect(figures.find(({ name }) => name === "messages that left")?.value).toBeGreaterThan(drill.leads / 2);
}
