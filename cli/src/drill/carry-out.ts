/** Owns the accidents as they happen: what each does to a running system, with campaigns enough for it to have work. */
import { setTimeout as sleep } from "node:timers/promises";
import { unreachable } from "@mini-crm/core/app-error";
import { type Accident, type Behaviour, CALM } from "./accidents.ts";
import { newestCampaigns, runCampaign } from "./campaigns.ts";
import { isWorkers, PARTS, type Part, type System } from "./system.ts";
import type { OutsideWorld } from "./whatsapp.ts";

/** A system in a drill, and what has happened to it so far. */
export interface Scene {
  system: System;
  /** What it sends over. */
  outside: OutsideWorld;
  /** Recipients of each campaign. */
  leads: number;
  /** How WhatsApp behaves now; a process that starts has to be told again. */
  behaviour: Behaviour;
  /** What goes on beside the accidents: the freezes. */
  beside: Promise<void>[];
  isFrozen: boolean;
  happened: Happened;
  /** Ends the drill early. */
  signal: AbortSignal;
}

/** What was done, and when (epoch ms). */
export interface Happened {
  kills: Map<string, number>;
  freezes: number;
  misbehaviours: number;
  outages: number;
  hangs: number;
  /** Starts that failed because a frozen process held the database's lock. */
  startsHeldUp: number;
  /** When workers that had been killed were started again. */
  workersStartedAt: number[];
  /** While workers ran and no backend did. */
  backendAway: { from: number; to: number }[];
}

export function nothingHappened(): Happened {
  return {
    kills: new Map(),
    freezes: 0,
    misbehaviours: 0,
    outages: 0,
    hangs: 0,
    startsHeldUp: 0,
    workersStartedAt: [],
    backendAway: [],
  };
}

const KEEP_BUSY_EVERY_MS = 5_000;

/** However long a rate limit, a breaker and a freeze hold sending up together: after this, the system stands still. */
const MOST_STILL_MS = 240_000;

export async function carryOut(scene: Scene, accident: Accident): Promise<void> {
  const { happened, signal } = scene;
  switch (accident.kind) {
    case "kill":
      return kill(scene, accident);
    case "freeze":
      happened.freezes += 1;
      return freeze(scene, accident);
    case "misbehave":
      happened.misbehaviours += 1;
      return behave(scene, accident.behaviour);
    case "outage": {
      happened.outages += 1;
      const { behaviour } = scene;
      await behave(scene, { ...behaviour, unreachable: true });
      await sleep(accident.forMs, undefined, { signal });
      return behave(scene, { ...behaviour, unreachable: false });
    }
    case "hang": {
      happened.hangs += 1;
      const { behaviour } = scene;
      await behave(scene, accident.behaviour);
      await seeMove(scene, "outbox");
      await sleep(accident.forMs, undefined, { signal });
      return behave(scene, behaviour);
    }
    default:
      return unreachable(accident);
  }
}

async function kill(scene: Scene, { parts, moved, afterMs, deadForMs }: Extract<Accident, { kind: "kill" }>): Promise<void> {
  const { system, happened, signal } = scene;
  await seeMove(scene, moved);
  await sleep(afterMs, undefined, { signal });
  const killedAt = Date.now();
  await system.kill(parts);
  await sleep(deadForMs, undefined, { signal });
  const startedAt = Date.now();
  await startAgain(scene, parts);
  const name = parts.join(" and ");
  happened.kills.set(name, (happened.kills.get(name) ?? 0) + 1);
  if (parts.some(isWorkers)) happened.workersStartedAt.push(startedAt);
  else if (PARTS[system.layout].every((part) => isWorkers(part) || parts.includes(part))) {
    happened.backendAway.push({ from: killedAt, to: Date.now() });
  }
}

async function freeze(scene: Scene, { frozenForMs, livesOnForMs, endsBy }: Extract<Accident, { kind: "freeze" }>): Promise<void> {
  const { system, signal } = scene;
  await seeMove(scene, "outbox");
  const { workers } = system.processes;
  if (workers === undefined) throw new Error("There are no workers to freeze");
  const { process: child, exited } = workers;
  child.kill("SIGSTOP");
  scene.isFrozen = true;
  const ending = (async () => {
    await sleep(frozenForMs, undefined, { signal });
    child.kill("SIGCONT");
    scene.isFrozen = false;
    await sleep(livesOnForMs, undefined, { signal });
    child.kill(endsBy);
    await exited;
  })();
  // It is awaited at the drill's end; where that comes early, nobody asks any more.
  ending.catch(() => {});
  scene.beside.push(ending);
  await startAgain(scene, ["workers"]);
}

/** Starts parts again, and tells WhatsApp how to behave where that died with them. */
async function startAgain(scene: Scene, parts: readonly Part[]): Promise<void> {
  const { layout } = scene.system;
  const processes = layout === "one process" ? [PARTS[layout]] : parts.map((part) => [part]);
  await Promise.all(processes.map((own) => startOne(scene, own)));
  scene.outside.follow(scene.system);
  if (processes.flat().some(isWorkers)) await behave(scene, scene.behaviour);
}

/** A frozen process may hold the database's lock: then others only start when it goes on. */
async function startOne(scene: Scene, parts: readonly Part[]): Promise<void> {
  for (;;) {
    const { isFrozen } = scene;
    try {
      return await scene.system.start(parts);
    } catch (error) {
      if (!isFrozen) throw error;
      scene.happened.startsHeldUp += 1;
    }
    await sleep(1_000, undefined, { signal: scene.signal });
  }
}

/** Tells WhatsApp how to behave from now on. */
export async function behave(scene: Scene, behaviour: Behaviour): Promise<void> {
  scene.behaviour = behaviour;
  // Beside a process that is frozen, workers that have just started may have no channel yet.
  await until(scene.signal, "WhatsApp hears how to behave", MOST_STILL_MS, async () => {
    await scene.outside.behave(scene.system, behaviour);
    return true;
  });
}

/** Makes WhatsApp calm, and resolves when nothing goes on beside any more. */
export async function endAccidents(scene: Scene): Promise<void> {
  await behave(scene, CALM);
  await Promise.all(scene.beside);
}

/** Resolves when something has moved since this was called: a message has left, or the ledger has changed. */
async function seeMove(scene: Scene, moved: "outbox" | "ledger"): Promise<void> {
  const { system, outside } = scene;
  await keepBusy(scene);
  const look = () => (moved === "outbox" ? outside.countDeparted(system).then(String) : standing(system));
  const before = await until(scene.signal, `the ${moved} answers`, MOST_STILL_MS, look);
  let keptBusyAt = Date.now();
  await until(scene.signal, `something moves in the ${moved}`, MOST_STILL_MS, async () => {
    if ((await look()) !== before) return true;
    // What was pending may have left before the first look, or be held by a worker that is frozen.
    if (Date.now() - keptBusyAt > KEEP_BUSY_EVERY_MS) {
      await keepBusy(scene);
      keptBusyAt = Date.now();
    }
    return false;
  });
}

/** Runs another campaign where the accidents to come would find too little to send. */
async function keepBusy({ system, outside, leads, signal }: Scene): Promise<void> {
  await until(signal, "a campaign can be run", MOST_STILL_MS, async () => {
    const campaigns = await newestCampaigns(system);
    const pending = campaigns.reduce((sum, { stats }) => sum + stats.pending, 0);
    if (pending < leads / 3) await runCampaign(system, outside.campaign);
    return true;
  });
}

/** Where the newest campaigns stand, to tell whether anything has changed. */
export async function standing(system: System): Promise<string> {
  return JSON.stringify((await newestCampaigns(system)).map(({ status, stats }) => ({ status, stats })));
}

const LOOK_EVERY_MS = 50;

/**
 * Looks again and again until `look` answers something else than false, and answers that; a look that fails counts as false.
 * Rejects after `mostMs`, with what the last look said.
 */
export async function until<T>(signal: AbortSignal, what: string, mostMs: number, look: () => Promise<T | false>): Promise<T> {
  const latest = Date.now() + mostMs;
  let failure = "";
  while (Date.now() < latest) {
    try {
      const seen = await look();
      if (seen !== false) return seen;
      failure = "";
    } catch (error) {
      failure = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
  throw new Error(`Waited ${Math.round(mostMs / 1_000)} s until ${what}, in vain${failure}`);
}
