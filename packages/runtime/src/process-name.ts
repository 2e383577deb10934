/** Owns what a process is called, and what its name tells of one that has died. */
import { hostname } from "node:os";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Store } from "@mini-crm/core/ports/store";

/** This process's name, different from every other's: its machine, its number there, and chance. */
export function processName(clock: Pick<Clock, "random">): string {
  return `${hostname()}/${process.pid}/${Math.floor(clock.random() * 2 ** 32).toString(36)}`;
}

/**
 * Ends the leases of processes of this machine that are not there any more, so that a start after a crash goes on at once.
 * Those of other machines, which cannot be seen from here, end by themselves.
 */
export async function buryDead(store: Pick<Store, "processes">, clock: Pick<Clock, "now">): Promise<void> {
  for (const { _id } of await store.processes.seenSince(0)) {
    if (isDead(_id)) await store.processes.died(_id, clock.now());
  }
}

function isDead(name: string): boolean {
  const [machine, pid] = name.split("/");
  if (machine !== hostname() || !/^[1-9]\d*$/.test(pid ?? "")) return false;
  if (Number(pid) === process.pid) return true; // It had this number before us.
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
