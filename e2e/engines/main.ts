/**
 * Owns `npm run test:engines [-- ARGUMENT...]`: gets and starts the engines, runs the suites that need them (the arguments are
 * Vitest's, such as a path to choose among the suites), ends what it has started, and says which engines were tested. Where
 * KAFKA_BROKERS or MONGODB_URL name an engine, that one is tested, and nothing is started in its place.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "./children.ts";
import { kafkaAt, startKafka } from "./kafka.ts";
import { mongoAt, startMongo, startSecondStandIn } from "./mongodb.ts";

const VITEST = fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url));
/** What the second stand-in runs, which is too slow for the whole system: the store's contract, and what rules mean. */
const STORE_SUITES = "adapters/src/mongo/";
const VITEST_END_LIMIT_MS = 30_000;

interface Engine {
  name: string;
  /** Why it is not another one; absent where it was given. */
  passedOver?: readonly string[];
  /** Absent where somebody else has started it. */
  stop?: () => Promise<void>;
}

const started: Engine[] = [];
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interrupted.abort(new Error("Interrupted.")));

const folder = await mkdtemp(join(tmpdir(), "mini-crm-engines-"));
process.exitCode = 1;
try {
  await testEngines(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  await Promise.allSettled(started.map(async ({ stop }) => stop?.()));
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
// Whoever interrupts does not wait for what is being got, and that ends with this process.
process.exit();

async function testEngines(args: readonly string[]): Promise<void> {
  const brokers = process.env["KAFKA_BROKERS"];
  const url = process.env["MONGODB_URL"];
  const [kafka, mongo] = await bothOf(
    noted(brokers ? kafkaAt(brokers) : startKafka(await ownFolder("kafka"))),
    noted(url ? mongoAt(url) : startMongo(await ownFolder("mongodb"))),
  );
  const tested = [kafka.name, mongo.name];
  let passed = await runSuites(args, { KAFKA_BROKERS: kafka.brokers, MONGODB_URL: mongo.url });

  // Two stand-ins disagree where the code leans on what only one of them has.
  if (mongo.isStandIn && url === undefined && args.length === 0) {
    const second = await unlessInterrupted(noted(startSecondStandIn(await ownFolder("second"))));
    tested.push(`${second.name}: store only`);
    passed = (await runSuites([STORE_SUITES], { KAFKA_BROKERS: kafka.brokers, MONGODB_URL: second.url })) && passed;
  }
  console.log(`\nEngines tested${passed ? "" : ", with failures"}: ${tested.join("; ")}`);
  process.exitCode = passed ? 0 : 1;
}

/** Waits for both, so that an error tells of every engine that cannot be had. */
async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const outcomes = await unlessInterrupted(Promise.allSettled([first, second]));
  const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as Error] : []));
  if (reasons.length > 0) throw new Error(reasons.map(({ message }) => message).join("\n"));
  return Promise.all([first, second]);
}

function unlessInterrupted<T>(work: Promise<T>): Promise<T> {
  const interruption = new Promise<never>((_, reject) => {
    interrupted.signal.addEventListener("abort", () => reject(interrupted.signal.reason));
  });
  return Promise.race([work, interruption]);
}

/** A server's data goes to a folder of its own, so that two never meet. */
async function ownFolder(name: string): Promise<string> {
  const own = join(folder, name);
  await mkdir(own);
  return own;
}

/** Remembers an engine, so that it is ended whatever happens to the other ones. */
async function noted<T extends Engine>(starting: Promise<T>): Promise<T> {
  const engine = await starting;
  started.push(engine);
  console.log([`Runs: ${engine.name}`, ...(engine.passedOver ?? [])].join("\n- not "));
  return engine;
}

/** Resolves to whether every suite passed. */
async function runSuites(args: readonly string[], environment: Record<string, string>): Promise<boolean> {
  const vitest = await startChild(process.execPath, [VITEST, "run", "--project", "engines", ...args], "inherit", environment);
  const end = () => {
    vitest.signal("SIGTERM");
    setTimeout(() => vitest.signal("SIGKILL"), VITEST_END_LIMIT_MS).unref();
  };
  interrupted.signal.addEventListener("abort", end);
  await vitest.exited;
  interrupted.signal.throwIfAborted();
  return vitest.ended() === 0;
}
