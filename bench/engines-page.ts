/** Owns how figures on Kafka and MongoDB are told: with the engines' names, and how far the rounds lie apart. */
import { availableParallelism, cpus } from "node:os";
import { amount, type Finding, median } from "./measure.ts";

/** One figure beside what the bare clients reach, as often as it was measured. */
export interface Comparison {
  what: string;
  unit: Finding["unit"];
  /** What was done bare; the same servers, just before or after. */
  bare: string;
  rounds: readonly Round[];
}

export interface Round {
  product: number;
  bare: number;
}

/** Something that was counted rather than timed. */
export interface Size {
  what: string;
  value: number;
  unit: "bytes" | "MB" | "events";
}

export interface OnEngines {
  kafka: string;
  mongodb: string;
  isStandIn: boolean;
  messages: number;
  /** The machine's load when it began: how much else was running. */
  loadBefore: number;
  comparisons: readonly Comparison[];
  sizes: readonly Size[];
}

export function lineOf(comparison: Comparison): string {
  const { what, unit, bare } = comparison;
  const [own, other] = [spread(comparison, "product"), spread(comparison, "bare")];
  return `${what}: ${own} ${unit} beside ${other} (${bare}), ratio ${ratioText(comparison)}`;
}

/** The section of the results stands behind this line; a run of the other benchmarks leaves it alone. */
export const ENGINES_HEADING = "## On Kafka and MongoDB";

export function enginesSection({ kafka, mongodb, isStandIn, messages, loadBefore, comparisons, sizes }: OnEngines): string {
  const table = comparisons.map((comparison) => {
    const { what, unit, bare } = comparison;
    const cells = [
      what,
      `${spread(comparison, "product")} ${unit}`,
      `${spread(comparison, "bare")} ${unit}: ${bare}`,
      ratioText(comparison),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const measured = sizes.map(({ what, value, unit }) => `| ${what} | ${amount(value)} ${unit} |`);
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? "unknown processor"}, Node ${process.versions.node}`;
  return `${ENGINES_HEADING}

Written by \`npm run bench -- engines\` on ${new Date().toISOString().slice(0, 10)}: ${machine}; ${messages.toLocaleString("en-US")} messages, ${kafka},
${mongodb}. Load of the machine when it began: ${loadBefore.toFixed(2)}.

${isStandIn ? STAND_IN : ""}Engines, backend, workers and measuring share the machine. Each figure is the median of its rounds, with the lowest and the
highest; the ratio is the median of the rounds' ratios, and the two sides of a round follow one another.

| what, on ${mongodb.split(" (")[0]} and ${kafka.split(" (")[0]} | figure | beside | ratio |
|---|---|---|---|
${table.join("\n")}

| counted in the last round, on the same | |
|---|---|
${measured.join("\n")}
`;
}

const STAND_IN = `**The MongoDB here is a stand-in**, another program that speaks MongoDB's protocol. What it proves is that the product does its
work through the official driver, and how much the product adds to the driver's own writes *on this server*. How fast MongoDB's
own server is, and how many bytes it takes on a disk, remains unproved.

`;

function spread({ rounds }: Comparison, side: keyof Round): string {
  const values = rounds.map((round) => round[side]);
  if (values.length === 1) return amount(median(values));
  return `${amount(median(values))} (${amount(Math.min(...values))} to ${amount(Math.max(...values))})`;
}

function ratioText({ rounds }: Comparison): string {
  return median(rounds.map(({ product, bare }) => product / bare)).toFixed(2);
}
