/** Owns `minicrm drill`: campaigns on a real system to which accidents happen, and the proof that every promise was kept. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnEngines, ownEngines } from "@mini-crm/runtime/own-engines";
import { CALM, LAST_RECEIPT_AFTER_MS, type PlanRequest, planAccidents } from "./accidents.ts";
import { importLeads, newestCampaigns } from "./campaigns.ts";
import { behave, carryOut, endAccidents, nothingHappened, type Scene, standing, until } from "./carry-out.ts";
import { type DrillOptions, readOptions, WORD_FOR } from "./options.ts";
import { type Finding, judge, type Proof, readEvidence } from "./proof.ts";
import { type Environment, type Layout, LISTENS, type System, startSystem } from "./system.ts";
import { tableOf } from "./table.ts";
import { type OutsideWorld, SIMULATED, twin } from "./whatsapp.ts";

/** How `--whatsapp` calls each. */
const WHATSAPP = { simulator: async () => SIMULATED, twin } as const;

/** Low enough that sending reaches the limit, so that it is part of the proof; high enough that a kill seldom waits for it. */
const LIMIT_PER_LEAD = 2;

/** Answers slow enough that a kill finds messages in every state, receipts quick enough to wait for. */
function settingsOf(seed: number, messagesPerMinute: number, folder: string): Environment {
  return {
    DATA_DIR: folder,
    MESSAGES_PER_MINUTE: String(messagesPerMinute),
    SIMULATOR_SEED: String(seed),
    SIMULATOR_LATENCY_MS: "20-400",
    SIMULATOR_DELIVERED_AFTER_MS: "50-600",
    SIMULATOR_READ_AFTER_MS: "300-2500",
  };
}

export interface LayoutDrill extends Pick<DrillOptions, "seed" | "kills" | "leads"> {
  layout: Layout;
  /** What the system runs on: taken away at the end, unless it is of interest. */
  engines: OwnEngines;
  /** Opens what it sends over, given the simulator's settings. */
  whatsApp: (settings: Environment) => Promise<OutsideWorld>;
  print(text: string): void;
  /** Ends the drill early: it rejects, and nothing of it stays. */
  signal: AbortSignal;
}

/** Carries out the drill of one layout and judges it. Whatever comes of it, no process stays; a kept promise leaves no folder. */
export async function drillLayout({
  layout,
  engines,
  whatsApp,
  seed,
  kills,
  leads,
  print,
  signal: ended,
}: LayoutDrill): Promise<Proof> {
  const folder = await mkdtemp(join(tmpdir(), "mini-crm-drill-"));
  const own = new AbortController();
  const signal = AbortSignal.any([ended, own.signal]);
  const messagesPerMinute = Math.ceil(leads * LIMIT_PER_LEAD);
  const settings = { ...settingsOf(seed, messagesPerMinute, folder), ...engines.settings };
  const outside = await whatsApp(settings);
  const remove = () => Promise.all([rm(folder, { recursive: true, force: true }), engines.remove()]);
  const system = await startSystem(layout, { ...settings, ...outside.settings }).catch(async (error: unknown) => {
    await outside.close();
    await remove();
    throw error;
  });
  // Whatever is asked of them then is refused, and so the drill ends at once.
  ended.addEventListener("abort", () => void system.kill(), { once: true });
  let isOfInterest = true;
  try {
    await outside.connect(system, messagesPerMinute);
    await importLeads(system, leads);
    const scene: Scene = {
      system,
      outside,
      leads,
      behaviour: CALM,
      beside: [],
      isFrozen: false,
      happened: nothingHappened(),
      signal,
    };
    await behave(scene, CALM);
    await haveAccidents(scene, { seed, layout, kills }, print);
    await comeToRest(scene);
    const evidence = await readEvidence(system, outside, { leads, messagesPerMinute });
    const judged = judge(evidence);
    const proof = { ...judged, findings: [...judged.findings, await endInOrder(system)] };
    print(
      tableOf(
        `Drill in ${layout}, on ${engineNames(engines)}, over ${outside.name}, seed ${seed}`,
        scene.happened,
        evidence.departed,
        proof,
      ),
    );
    isOfInterest = proof.findings.some(({ violations }) => violations > 0);
    return proof;
  } finally {
    own.abort();
    await system.kill();
    await outside.close();
    if (isOfInterest && !ended.aborted) await keep(system, folder, print);
    else await remove();
  }
}

function engineNames({ names: { database, eventBus } }: OwnEngines): string {
  return `${database} and ${eventBus}`;
}

async function haveAccidents(scene: Scene, request: PlanRequest, print: LayoutDrill["print"]): Promise<void> {
  const plan = planAccidents(request);
  for (const [index, accident] of plan.entries()) {
    await carryOut(scene, accident);
    if (index % 20 === 19) print(`${request.layout}: ${index + 1} of ${plan.length} accidents\n`);
  }
  await endAccidents(scene);
}

/** So long may nothing move at the end: longer than the longest wait before a message is tried again. */
const MOST_STILL_MS = 240_000;
const MOST_REST_MS = 3_600_000;

/**
 * Resolves when every campaign is completed and no receipt can come any more. Rests, too, where nothing has moved for long: what
 * is unfinished then is for the judgement to find.
 */
async function comeToRest({ system, signal }: Pick<Scene, "system" | "signal">): Promise<void> {
  let before = "";
  let movedAt = Date.now();
  await until(signal, "the campaigns come to rest", MOST_REST_MS, async () => {
    const now = await standing(system);
    if (now !== before) movedAt = Date.now();
    before = now;
    const stillMs = Date.now() - movedAt;
    const areDone = (await newestCampaigns(system)).every(({ status }) => status !== "RUNNING");
    return stillMs > (areDone ? LAST_RECEIPT_AFTER_MS : MOST_STILL_MS);
  });
}

/** Nobody but the drill has ended a process, and what is asked to stop now says that all went well. */
async function endInOrder(system: System): Promise<Finding> {
  const crashed = system.everStarted.filter(({ process: child, output }) => {
    return child.exitCode !== null && !child.killed && LISTENS.test(output());
  });
  const codes = (await system.stop()).filter((code) => code !== 0);
  const examples = [
    ...crashed.map(({ output }) => `a process ended by itself: ${output().trim().split("\n").at(-1)}`),
    ...codes.map((code) => `a process ended with ${code} when it was asked to stop`),
  ];
  return { promise: "processes end when they are asked to, in order", violations: examples.length, examples };
}

/** Keeps a folder to look into, with what every process printed. */
async function keep(system: System, folder: string, print: LayoutDrill["print"]): Promise<void> {
  for (const [index, { output }] of system.everStarted.entries()) await writeFile(join(folder, `process-${index}.log`), output());
  print(`What is left to look into, with what each process printed: ${folder}\n`);
}

/** Runs the command; answers its exit code. */
export async function drill(args: readonly string[]): Promise<number> {
  const read = readOptions(args);
  if (read.kind === "refused") {
    process.stderr.write(`${read.problems.join("\n")}\n`);
    return 2;
  }
  const { options } = read;
  const print = (text: string) => process.stdout.write(text);
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort(signal));
  print(`Drill with ${options.kills} kills in ${options.layouts.join(" and in ")}, seed ${options.seed}\n`);

  let broken = 0;
  for (const layout of options.layouts) {
    try {
      const engines = ownEngines();
      const { findings } = await drillLayout({
        ...options,
        layout,
        engines,
        whatsApp: WHATSAPP[options.whatsApp],
        print,
        signal: interrupted.signal,
      });
      broken += findings.filter(({ violations }) => violations > 0).length;
    } catch (error) {
      if (interrupted.signal.aborted) {
        process.stderr.write("The drill was ended; its processes are, too.\n");
        return interrupted.signal.reason === "SIGINT" ? 130 : 143;
      }
      process.stderr.write(`In ${layout} the drill could not go on: ${error instanceof Error ? error.message : String(error)}\n`);
      broken += 1;
    }
  }
  if (broken === 0) print("0 lost, 0 sent twice: every promise was kept.\n");
  else process.stderr.write(`${broken} promises were broken. To repeat the accidents: ${commandOf(options)}\n`);
  return broken === 0 ? 0 : 1;
}

function commandOf({ seed, kills, leads, whatsApp, layouts: [first, second] }: DrillOptions): string {
  const layout = first === undefined || second !== undefined ? "both" : WORD_FOR[first];
  return `npm run drill -- --seed ${seed} --kills ${kills} --leads ${leads} --layout ${layout} --whatsapp ${whatsApp}`;
}
