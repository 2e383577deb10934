/** Owns how figures are taken, set against what the machine can do at most, and judged by their budgets. */

/** How a benchmark is run. */
export interface Setup {
  /** For what this benchmark writes; it is removed afterwards. */
  folder: string;
  /** For what several benchmarks of a run start from. */
  sharedFolder: string;
  /** `smoke` only proves that a benchmark works: its figures mean nothing. */
  scale: "full" | "smoke";
  /** Instead of the benchmark's own number of leads, and so of messages. */
  leads: number | null;
  print: (line: string) => void;
}

/** The same on Kafka and MongoDB. */
export interface EngineSetup extends Pick<Setup, "folder" | "print"> {
  /** Where they are, as the settings of these names take it. */
  brokers: string;
  mongodbUrl: string;
  /** Of a campaign; there are ten times as many leads and events. */
  messages: number;
}

export interface Benchmark {
  name: string;
  run(setup: Setup): Promise<Finding[]>;
}

export interface Finding {
  what: string;
  unit: "ms" | "leads/s" | "rows/s" | "events/s" | "messages/s" | "MB";
  figure: number;
  /** What the machine can do at most, measured in the same run. */
  limit: { what: string; value: number };
  budget: Budget;
}

/** `ratio` is the figure divided by its limit. */
export type Budget = { of: "ratio" | "figure" } & ({ atLeast: number } | { atMost: number });

export function ratioOf({ figure, limit }: Finding): number {
  return figure / limit.value;
}

export function isMet(finding: Finding): boolean {
  const { budget } = finding;
  const judged = budget.of === "ratio" ? ratioOf(finding) : finding.figure;
  return "atLeast" in budget ? judged >= budget.atLeast : judged <= budget.atMost;
}

/** How many leads to work with. */
export function leadsFor({ scale, leads }: Setup, sizes: Record<Setup["scale"], number>): number {
  return leads ?? sizes[scale];
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

export function perSecond(count: number, durationMs: number): number {
  return (count / durationMs) * 1_000;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The smallest of `values` that at least a `share` of them do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (found === undefined) throw new Error("Nothing was measured.");
  return found;
}

/** Three digits are what a measurement means. */
export function amount(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

/** Refuses a figure for work that was not done as a whole. */
export function demand(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${what}: ${found} instead of ${expected}.`);
}

const MOST_WAIT_MS = 300_000;

/** Resolves as soon as `isDone`; rejects after five minutes, with what `state` says. */
export async function until(isDone: () => boolean, state: () => unknown): Promise<void> {
  const deadline = performance.now() + MOST_WAIT_MS;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error(`The work did not come to its end: ${JSON.stringify(state())}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
