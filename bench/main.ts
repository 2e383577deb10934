/** Owns `npm run bench`: which benchmarks run, and the page that a full run writes. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { busBenchmark } from "./bus.ts";
import { cloudBenchmark } from "./cloud.ts";
import { countsBenchmark } from "./counts.ts";
import { benchEngines } from "./engines.ts";
import { ENGINES_HEADING, enginesSection } from "./engines-page.ts";
import { expansionBenchmark } from "./expansion.ts";
import { httpBenchmark } from "./http.ts";
import { importBenchmark } from "./import.ts";
import { ledgerBenchmark } from "./ledger.ts";
import { amount, type Benchmark, type Budget, type Finding, isMet, ratioOf, type Setup } from "./measure.ts";
import { pauseBenchmark } from "./pause.ts";
import { pipelineBenchmark } from "./pipeline.ts";

const BENCHMARKS: readonly Benchmark[] = [
  importBenchmark,
  expansionBenchmark,
  busBenchmark,
  pipelineBenchmark,
  pauseBenchmark,
  countsBenchmark,
  ledgerBenchmark,
  httpBenchmark,
  cloudBenchmark,
];

/** Needs Kafka and MongoDB, so it only runs when it is asked for, by itself. */
const ON_ENGINES = "engines";

const NAMES = BENCHMARKS.map(({ name }) => name).join(", ");
const USAGE = `npm run bench [-- NAME...] [-- --smoke] [-- --leads N]

  NAME      ${NAMES}; without one, all of them, and bench/RESULTS.md is written
            ${ON_ENGINES}, by itself: on Kafka and MongoDB, which it starts unless KAFKA_BROKERS and MONGODB_URL name some
  --smoke   little work, which only proves that the benchmarks run
  --leads N  so many leads, and so messages, instead of the benchmark's own number

A full run writes some gigabytes to the folder for temporary files, and removes them; TMPDIR chooses another.
`;

/** Two parts, each written by runs of its own. */
const RESULTS = fileURLToPath(new URL("RESULTS.md", import.meta.url));

interface Wanted {
  benchmarks: readonly Benchmark[];
  scale: Setup["scale"];
  leads: number | null;
}

type WantedOnEngines = Pick<Wanted, "leads"> & { onEngines: true };

/** Null where the arguments mean nothing. */
function wantedOf(args: string[]): Wanted | WantedOnEngines | null {
  const parsed = parse(args);
  if (parsed === null) return null;
  const { values, positionals } = parsed;
  const leads = values.leads === undefined ? null : Number(values.leads);
  if (leads !== null && !(Number.isSafeInteger(leads) && leads > 0)) return null;
  if (positionals.includes(ON_ENGINES)) {
    return positionals.length === 1 && values.smoke !== true ? { onEngines: true, leads } : null;
  }
  const benchmarks = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const isKnown = positionals.every((name) => BENCHMARKS.some((benchmark) => benchmark.name === name));
  if (!isKnown) return null;
  return { benchmarks, scale: values.smoke === true ? "smoke" : "full", leads };
}

function parse(args: string[]) {
  const options = { smoke: { type: "boolean" }, leads: { type: "string" } } as const;
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch {
    return null;
  }
}

/** A folder that is gone when this process is. */
function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mini-crm-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
  return folder;
}

function print(line: string): void {
  process.stdout.write(`  ${line}\n`);
}

async function runOnEngines({ leads }: WantedOnEngines): Promise<void> {
  process.stdout.write(`${ON_ENGINES}\n`);
  const found = await benchEngines({ folder: ownFolder(), leads, print });
  if (leads === null) writeFileSync(RESULTS, `${knownParts().others}${enginesSection(found)}`);
}

async function run({ benchmarks, scale, leads }: Wanted): Promise<void> {
  const sharedFolder = ownFolder();
  const findings: Finding[] = [];
  for (const benchmark of benchmarks) {
    process.stdout.write(`${benchmark.name}\n`);
    const folder = mkdtempSync(join(sharedFolder, `${benchmark.name}-`));
    const found = await benchmark.run({ folder, sharedFolder, scale, leads, print });
    rmSync(folder, { recursive: true });
    for (const finding of found) {
      print(comparison(finding));
      if (scale === "full") print(verdict(finding));
    }
    findings.push(...found);
  }
  const isFull = scale === "full" && leads === null && benchmarks.length === BENCHMARKS.length;
  if (isFull) writeFileSync(RESULTS, `${page(findings)}\n${knownParts().onEngines}`.trimEnd().concat("\n"));
}

/** What earlier runs have written. */
function knownParts(): { others: string; onEngines: string } {
  const known = existsSync(RESULTS) ? readFileSync(RESULTS, "utf8") : "";
  const at = known.indexOf(ENGINES_HEADING);
  const end = at === -1 ? known.length : at;
  return { others: `${known.slice(0, end).trimEnd()}\n\n`, onEngines: known.slice(end) };
}

function comparison(finding: Finding): string {
  const { what, unit, figure, limit } = finding;
  return `${what}: ${amount(figure)} ${unit} beside ${amount(limit.value)} (${limit.what}), ratio ${ratioOf(finding).toFixed(2)}`;
}

function verdict(finding: Finding): string {
  return `  budget ${budgetText(finding.budget, finding.unit)}: ${isMet(finding) ? "met" : "NOT MET"}`;
}

function page(findings: readonly Finding[]): string {
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.versions.node}, SQLite ${process.versions["sqlite"]}`;
  const rows = findings.map((finding) => {
    const { what, unit, figure, limit, budget } = finding;
    const cells = [
      what,
      `${amount(figure)} ${unit}`,
      `${amount(limit.value)} ${unit}: ${limit.what}`,
      ratioOf(finding).toFixed(2),
      budgetText(budget, unit),
      isMet(finding) ? "yes" : "**no**",
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return `# What the benchmarks measured

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${machine}.

Every figure stands beside what the same machine can do at most, measured in the same run; the ratio is the first divided by
the second, and means more than either.

| what | figure | physical limit | ratio | budget | met |
|---|---|---|---|---|---|
${rows.join("\n")}
`;
}

function budgetText(budget: Budget, unit: string): string {
  const bound = "atLeast" in budget ? `at least ${amount(budget.atLeast)}` : `at most ${amount(budget.atMost)}`;
  return budget.of === "ratio" ? `ratio ${bound}` : `${bound} ${unit}`;
}

const wanted = wantedOf(process.argv.slice(2));
if (wanted === null) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  await ("onEngines" in wanted ? runOnEngines(wanted) : run(wanted));
}
