/**
 * Owns the command that runs seed after seed, on every processor, until one of them breaks a promise:
 * `npm run simulate -- [--seeds N] [--from N]`, or one seed with its trace: `SIMULATION_SEED=123 npm run simulate`.
 */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { describeFailure } from "./report.ts";
import { simulate } from "./simulate.ts";

/** What a child process is to run, and what it says of it. */
interface Share {
  from: number;
  every: number;
  to: number;
}
type Progress = { kind: "done"; seeds: number } | { kind: "broken"; seed: number; report: string };

const SAY_EVERY_MS = 5_000;
const SEEDS_PER_WORD = 10;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    share: { type: "string" },
  },
});
const oneSeed = process.env["SIMULATION_SEED"];
if (values.share !== undefined) await runShare(JSON.parse(values.share));
else if (oneSeed !== undefined) await runOne(wholeNumber(oneSeed, "SIMULATION_SEED"));
else await runAll(wholeNumber(values.from, "--from"), wholeNumber(values.seeds, "--seeds"));

function wholeNumber(text: string, name: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  console.error(`${name} must be a whole number from 0 on, and is "${text}".`);
  process.exit(2);
}

async function runOne(seed: number): Promise<void> {
  const outcome = await simulate(seed, { lines: "all" });
  console.log(outcome.lines.join("\n"));
  console.log(outcome.broken === null ? `Seed ${seed} keeps every promise.` : `Seed ${seed}: ${outcome.broken}`);
  process.exitCode = outcome.broken === null ? 0 : 1;
}

/** Every processor runs its share of the seeds; the first that breaks a promise ends them all. */
async function runAll(from: number, seeds: number): Promise<void> {
  const start = performance.now();
  const every = Math.min(availableParallelism(), Math.max(1, seeds));
  const doneBy = new Array<number>(every).fill(0);
  const say = () => {
    const done = doneBy.reduce((sum, count) => sum + count, 0);
    const perSecond = (done * 1000) / (performance.now() - start);
    console.log(`${done} of ${seeds} seeds keep every promise, ${perSecond.toFixed(1)} seeds/s`);
  };
  const saying = setInterval(say, SAY_EVERY_MS);
  const ended = doneBy.map((_, index) => {
    const share: Share = { from: from + index, every, to: from + seeds };
    const child = fork(import.meta.filename, ["--share", JSON.stringify(share)]);
    child.on("message", (progress: Progress) => {
      if (progress.kind === "done") {
        doneBy[index] = progress.seeds;
        return;
      }
      console.log(progress.report);
      process.exit(1); // The channel to the children ends, and they with it.
    });
    return new Promise<number | null>((resolve) => {
      child.on("exit", resolve);
    });
  });
  const codes = await Promise.all(ended);
  clearInterval(saying);
  say();
  process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
}

async function runShare({ from, every, to }: Share): Promise<void> {
  process.once("disconnect", () => process.exit());
  let done = 0;
  for (let seed = from; seed < to; seed += every) {
    const outcome = await simulate(seed);
    if (outcome.broken !== null) await tell({ kind: "broken", seed, report: describeFailure(outcome) });
    done += 1;
    if (done % SEEDS_PER_WORD === 0) await tell({ kind: "done", seeds: done });
  }
  await tell({ kind: "done", seeds: done });
  process.disconnect();
}

/** Resolves when the parent process has been told, which also lets it end this one. */
function tell(progress: Progress): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(progress, () => setImmediate(resolve));
  });
}
