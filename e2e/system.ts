/** Owns what end-to-end tests start from outside: the drill's systems, with a data folder of their own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";

export {
  type Answer,
  call,
  type Environment,
  isWorkers,
  LAYOUTS,
  type Layout,
  LISTENS,
  printed,
  SEVERAL,
  type Started,
  type System,
  startEntry,
  startSystem,
} from "@mini-crm/cli/drill/system";

/** A data folder that `remove` takes away. */
export async function temporaryFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "mini-crm-e2e-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Resolves when what `holds` expects is so, also outside of a test; rejects with why not after `timeoutMs`. */
export function eventually<T>(holds: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  return vi.waitFor(holds, { timeout: timeoutMs, interval: 25 });
}
