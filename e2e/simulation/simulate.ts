/** Owns one simulated run: a world is made from a seed, everything befalls it, it comes to rest, and it is judged. */
import { isFinished } from "@mini-crm/core/campaign/campaign";
import { ACCIDENTS } from "./accidents.ts";
import { drawsFor } from "./draws.ts";
import { type Plan, planOf } from "./plan.ts";
import type { PlantedBug } from "./planted-bugs.ts";
import { judgeAtRest } from "./promises.ts";
import { createWorld, type World } from "./world.ts";

export interface Outcome {
  seed: number;
  /** The first promise that was broken; null where all were kept. */
  broken: string | null;
  lines: string[];
  /** Of the whole trace, where it was asked for. */
  hash: string | null;
  virtualMs: number;
}

export interface SimulationOptions {
  bug?: PlantedBug | null;
  hashed?: boolean;
  /** What is answered of the trace: of a run that fails its end, and before that what speaks of the same; or all of any run. */
  lines?: "of failures" | "all";
}

const LAST_LINES = 60;
/** How long a world may take to come to rest: sends at the slowest rate, retries and leases, one after the other. */
const MOST_UNREST_MS = 90 * 60_000;

export async function simulate(
  seed: number,
  { bug = null, hashed = false, lines = "of failures" }: SimulationOptions = {},
): Promise<Outcome> {
  const plan = planOf(seed);
  const world = createWorld({ seed, plan, bug, hashed });
  const start = world.time.now();
  let broken: string | null = null;
  try {
    await live(world, plan, seed);
    await comeToRest(world);
    const violations: string[] = [];
    judgeAtRest(await world.rested(), (violation) => violations.push(violation));
    broken = violations[0] ?? null;
  } catch (error) {
    broken = error instanceof Error ? error.message : String(error);
  }
  const { trace, time } = world;
  world.close();
  const traced =
    lines === "all" ? trace.lines(Number.POSITIVE_INFINITY, "") : broken === null ? [] : trace.lines(LAST_LINES, broken);
  return { seed, broken, lines: traced, hash: trace.hash(), virtualMs: time.now() - start };
}

async function live(world: World, plan: Plan, seed: number): Promise<void> {
  const { people, processes, trace } = world;
  await people.import(plan.leads, drawsFor(seed, "leads"));
  processes.start({ buriesDead: false });
  for (const { channelId, minSpend, startMs, manners } of plan.campaigns) {
    const id = await people.createCampaign(channelId, minSpend, manners);
    world.later(startMs, () => people.start(id));
  }
  for (const { kind, index, afterMs } of plan.accidents) {
    await world.pass(afterMs);
    trace.note("accident", kind);
    await ACCIDENTS[kind].happen(world, drawsFor(seed, `accident ${index}`));
  }
}

async function comeToRest(world: World): Promise<void> {
  while (world.inMotion() > 0) await world.pass(2_000);
  for (const outside of world.outsides) outside.behave({ unreachable: false, rateLimited: null });
  world.processes.heal();
  const end = world.time.now() + MOST_UNREST_MS;
  // Whoever wakes up late may start something anew, also while the last receipts come.
  do {
    while (!(await isAtRest(world))) {
      if (world.time.now() >= end)
        throw new Error(`Not at rest after ${MOST_UNREST_MS / 60_000} minutes: ${await whatWaits(world)}`);
      await world.pass(2_000);
    }
    await world.pass(Math.max(...world.outsides.map((outside) => outside.receiptsUntil())) - world.time.now());
  } while (!(await isAtRest(world)));
}

/** Every campaign that was started is over, and nothing of it is still on its way. */
async function isAtRest({ people, store }: World): Promise<boolean> {
  for (const { id } of people.started()) {
    const campaign = await store.campaigns.read(id);
    if (campaign?.status === "PAUSED") await people.steer(id, "resume");
    if (campaign === null || !isFinished(campaign.status)) return false;
    const { PENDING, CLAIMED, SENDING } = campaign.counts;
    if (PENDING + CLAIMED + SENDING > 0) return false;
  }
  return true;
}

async function whatWaits({ people, store }: World): Promise<string> {
  const campaigns = await Promise.all(people.started().map(({ id }) => store.campaigns.read(id)));
  return campaigns.map((campaign) => `${campaign?._id} is ${campaign?.status} ${JSON.stringify(campaign?.counts)}`).join("; ");
}
