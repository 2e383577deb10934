/** Owns the options of `minicrm drill`: what they mean, what they may be, and what they are where nobody says. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { LAYOUTS, type Layout, SEVERAL } from "./system.ts";

export interface DrillOptions {
  /** What every accident is drawn from. */
  seed: number;
  /** Kills in each layout. */
  kills: number;
  /** Recipients of each campaign. */
  leads: number;
  layouts: readonly Layout[];
  whatsApp: "simulator" | "twin";
}

/** How `--layout` calls each. */
export const WORD_FOR: Readonly<Record<Layout, string>> = {
  "one process": "one",
  "two processes": "two",
  "several processes": "several",
};

const NAMES: ReadonlySet<string> = new Set(["kills", "leads", "seed", "layout", "whatsapp", "long"]);
const KILLS = 20;
/** In each of the two layouts: 200 in all. */
const KILLS_IF_LONG = 100;
const LEADS = 10_000;
const MOST_KILLS = 10_000;
const MOST_LEADS = 100_000;
/** As many as the simulator has. */
const MOST_SEED = 2 ** 31;

/** Reads `args`, or says of each option that is wrong what it must be. */
export function readOptions(
  args: readonly string[],
): { kind: "options"; options: DrillOptions } | { kind: "refused"; problems: string[] } {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string" },
      leads: { type: "string" },
      seed: { type: "string" },
      layout: { type: "string" },
      whatsapp: { type: "string" },
      long: { type: "boolean" },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const problems = tokens.flatMap((token) => {
    if (token.kind === "positional") return [`"${token.value}" is no option of drill.`];
    if (token.kind !== "option") return [];
    if (!NAMES.has(token.name)) return [`drill has no option ${token.rawName}.`];
    return token.name === "long" && token.value !== undefined ? ["--long takes no value."] : [];
  });
  const whole = (name: "kills" | "leads" | "seed", fallback: () => number, least: number, most: number): number => {
    const text = values[name];
    if (text === undefined) return fallback();
    const value = Number(text);
    if (typeof text === "string" && /^\d+$/.test(text) && value >= least && value <= most) return value;
    problems.push(`--${name} must be a whole number from ${least} to ${most}${but(text)}.`);
    return least;
  };

  const kills = whole("kills", () => (values.long === true ? KILLS_IF_LONG : KILLS), 1, MOST_KILLS);
  if (values.long === true && kills < KILLS_IF_LONG)
    problems.push(`--long is for ${KILLS_IF_LONG} kills or more: leave one of --long and --kills out.`);
  const leads = whole("leads", () => LEADS, 1, MOST_LEADS);
  const seed = whole("seed", () => randomInt(MOST_SEED), 0, MOST_SEED);
  const layouts = layoutsOf(values.layout);
  if (layouts === null) problems.push(`--layout must be one, two, both or several${but(values.layout)}.`);
  const { whatsapp: whatsApp = "simulator" } = values;
  const isKnown = whatsApp === "simulator" || whatsApp === "twin";
  if (!isKnown) problems.push(`--whatsapp must be simulator or twin${but(whatsApp)}.`);
  if (problems.length > 0 || layouts === null || !isKnown) return { kind: "refused", problems };
  return { kind: "options", options: { seed, kills, leads, layouts, whatsApp } };
}

function but(given: string | boolean | undefined): string {
  return typeof given === "string" ? `, but is "${given}"` : ", but is missing";
}

function layoutsOf(given: string | boolean | undefined): readonly Layout[] | null {
  if (given === undefined || given === "both") return LAYOUTS;
  const chosen = ([...LAYOUTS, SEVERAL] as const).filter((layout) => WORD_FOR[layout] === given);
  return chosen.length > 0 ? chosen : null;
}
