/** Owns one simulated process of workers: the product's own pipeline, on ports at which it can be cut off between any two effects. */
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import type { Verbs } from "@mini-crm/adapters/sqlite/verbs";
import { AppError } from "@mini-crm/core/app-error";
import type { Channel } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import type { ChannelAccess } from "@mini-crm/workers/deps";
import { DEFAULT_TIMING, startWorkers } from "@mini-crm/workers/start-workers";
import { pino } from "pino";
import { drawsFor } from "./draws.ts";
import { withEchoes } from "./echoes.ts";
import type { Life } from "./life.ts";
import type { Outside } from "./outside.ts";
import type { Plan } from "./plan.ts";
import type { Violate } from "./promises.ts";
import type { Trace } from "./trace.ts";
import { type Ask, databaseOn } from "./watched-database.ts";

export interface WorkerProcessDeps {
  seed: number;
  plan: Plan;
  ask: Ask;
  outsides: readonly Outside[];
  trace: Trace;
  violate: Violate;
}

export interface Closable {
  close(): Promise<void>;
}

/** How long a slow call of the database waits for its turn, and its answer for somebody to hear it. */
const MOST_SLOW_MS = 600;
const TIMING = { ...DEFAULT_TIMING, channelsEveryMs: 10_000, receiptWindowMs: 1_800_000 };
/** Commits of others cannot be seen on a shared connection, so news is looked for from time to time. */
const BUS = { pollMs: 1_300, ownedForMs: 10_000 };

/** Starts the product's own stages for `life`, after the leases of the `dead` were ended. */
export async function startWorkerProcess(life: Life, dead: readonly string[], deps: WorkerProcessDeps): Promise<Closable> {
  const { seed, plan, ask, outsides, trace, violate } = deps;
  const database = databaseOn(inSmallPieces(noted(ask, life.name, trace), plan), callsOf(life, deps));
  const store = sqliteStore(database);
  const bus = embeddedBus({ database, clock: life.clock, owner: life.name, ...BUS });
  const echoing = withEchoes(bus, drawsFor(seed, `echoes of ${life.name}`), plan.echoShare);
  const log = pino({ level: "error", base: null, timestamp: false }, { write: (line) => judgeLine(line, violate) });
  for (const name of dead) await store.processes.died(name, life.clock.now());
  const outsideOf = ({ _id }: Channel): Outside => {
    const outside = outsides.find(({ channel }) => channel.id === _id);
    if (outside === undefined) throw new Error(`Nobody planned the channel ${_id}`);
    return outside;
  };
  const access: ChannelAccess = {
    open: async (channel) => outsideOf(channel).providerFor(life),
    limitsOf: (channel) => ({ ...NO_LIMITS, rate: outsideOf(channel).channel.rate }),
  };
  const timing = { ...TIMING, recoverEveryMs: plan.recoverEveryMs };
  const workers = await startWorkers({ store, bus: echoing, clock: life.clock, log, worker: life.name }, access, timing);
  return {
    async close() {
      await workers.close();
      await bus.close();
    },
  };
}

/** Every call is an effect, and some take their time. */
function callsOf(life: Life, { seed, plan }: WorkerProcessDeps) {
  const draws = drawsFor(seed, `slow calls of ${life.name}`);
  const pause = async () => {
    if (draws.happens(plan.slowShare)) await life.clock.sleep(draws.between(1, MOST_SLOW_MS));
  };
  return async <T>(verb: keyof Verbs, act: () => Promise<T>): Promise<T> => {
    await pause();
    const answer = await life.effect(verb, act);
    await pause();
    return answer;
  };
}

/** Stages only fail for what their surroundings do; anything else is a bug. */
function judgeLine(line: string, violate: Violate): void {
  const { err, msg } = JSON.parse(line) as { err?: { type: string; message: string; stack: string }; msg: string };
  if (err?.type !== AppError.name) violate(`A stage failed: ${msg}: ${err?.stack ?? "no reason given"}`);
}

/** What nothing came of is left out. */
function noted(ask: Ask, name: string, trace: Trace): Ask {
  return (verb, args) => {
    const answer = ask(verb, args);
    if (verb === "commit" && answer.ok) noteCommit(trace, name, args, answer.value);
    else if (!IDLE.has(verb) && !(answer.ok && isEmpty(answer.value))) {
      trace.note(name, verb, args, answer.ok ? answer.value : answer);
    }
    return answer;
  };
}

const IDLE: ReadonlySet<keyof Verbs> = new Set(["dataVersion", "signProcess", "sweepLog"] as const);

/** A line for each step, and one for the events besides. */
function noteCommit(trace: Trace, name: string, args: readonly unknown[], value: unknown): void {
  const [{ steps, publish, consumed }] = args as Parameters<Verbs["commit"]>;
  const { results } = value as ReturnType<Verbs["commit"]>;
  for (const [index, { step, input }] of steps.entries()) {
    const result = results[index];
    if (step !== "recover" || JSON.stringify(result) !== NOTHING_RECOVERED) trace.note(name, step, input, result);
  }
  for (const { topic, payload } of publish) trace.note(name, `publishes on ${topic}`, payload);
  if (consumed !== null) trace.note(name, "is done with", `${consumed.topic} up to ${consumed.next}`);
}

const NOTHING_RECOVERED = JSON.stringify({ freed: 0, uncertain: 0, due: 0, completed: [] });

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** Makes claims and windows small, so that there are many of them. */
function inSmallPieces(ask: Ask, { messagesPerClaim, leadsPerWindow }: Plan): Ask {
  return (verb, args) => {
    if (verb === "claimMessages") {
      const [request] = args as Parameters<Verbs["claimMessages"]>;
      return ask(verb, [{ ...request, max: Math.min(request.max, messagesPerClaim) }]);
    }
    if (verb === "commit") {
      const [commit] = args as Parameters<Verbs["commit"]>;
      const steps = commit.steps.map((step) =>
        step.step === "expand" ? { ...step, input: { ...step.input, leadsPerWindow } } : step,
      );
      return ask(verb, [{ ...commit, steps }]);
    }
    return ask(verb, args);
  };
}
