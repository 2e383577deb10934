/** Owns how the texts of a campaign are compared: what share of each did what, how sure that is, and what may be said of it. */
import { hasLeft } from "../message/message.ts";
import type { LedgerCount } from "../ports/store.ts";
import type { FrozenVariant } from "./campaign.ts";

/** What is compared. `delivered` is cumulative, as everywhere: whoever has read a message is among those who received it. */
export const MEASURES = ["delivered", "read", "replied", "opted_out", "failed"] as const;
export type Measure = (typeof MEASURES)[number];

/** How many of those that a text was tried for did what. */
export interface VariantFigures extends Record<Measure, number> {
  /** Tried: sent, failed, or nobody knows. */
  messages: number;
}

/** How many of a text's messages were answered, and answered with a stop. */
export interface VariantReactions {
  variant: number;
  replied: number;
  opted_out: number;
}

/** Between 0 and 1, or for a difference between -1 and 1; the truth lies from `low` to `high` in 95 of 100 cases. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

export interface Difference extends Estimate {
  /** What may be said, in words. */
  verdict: string;
}

export interface ComparedVariant {
  name: string;
  percent: number;
  figures: VariantFigures;
  /** Null while nothing was tried. */
  shares: Record<Measure, Estimate> | null;
  /** Against the first text; null for that one itself, and while there is nothing to compare. */
  differences: Record<Measure, Difference> | null;
}

export function compareVariants(
  variants: readonly FrozenVariant[],
  counts: readonly LedgerCount[],
  reactions: readonly VariantReactions[],
): ComparedVariant[] {
  const figures = variants.map((_, index) => figuresOf(index, counts, reactions));
  const [first] = figures;
  const firstName = variants[0]?.name ?? "";
  return variants.flatMap(({ name, percent }, index) => {
    const own = figures[index];
    if (own === undefined || first === undefined) return [];
    const isComparable = index > 0 && own.messages > 0 && first.messages > 0;
    const differences = isComparable ? of((measure) => rounded(differenceIn(measure, name, own, firstName, first))) : null;
    const shares = own.messages === 0 ? null : of((measure) => rounded(wilson(own[measure], own.messages)));
    return [{ name, percent, figures: own, shares, differences }];
  });
}

function of<T>(value: (measure: Measure) => T): Record<Measure, T> {
  return {
    delivered: value("delivered"),
    read: value("read"),
    replied: value("replied"),
    opted_out: value("opted_out"),
    failed: value("failed"),
  };
}

/** To four decimals: a hundredth of a percent. */
function rounded<E extends Estimate>(estimate: E): E {
  const toFour = (share: number) => Math.round(share * 10_000) / 10_000;
  return { ...estimate, value: toFour(estimate.value), low: toFour(estimate.low), high: toFour(estimate.high) };
}

function figuresOf(index: number, counts: readonly LedgerCount[], reactions: readonly VariantReactions[]): VariantFigures {
  const own = counts.filter(({ variant, status }) => variant === index && hasLeft(status));
  const sum = (...statuses: LedgerCount["status"][]) =>
    own.filter(({ status }) => statuses.includes(status)).reduce((total, { messages }) => total + messages, 0);
  const { replied = 0, opted_out = 0 } = reactions.find(({ variant }) => variant === index) ?? {};
  return {
    messages: sum("SENT", "DELIVERED", "READ", "FAILED", "UNCERTAIN"),
    delivered: sum("DELIVERED", "READ"),
    read: sum("READ"),
    replied,
    opted_out,
    failed: sum("FAILED"),
  };
}

/** The 97.5th percentile of the normal distribution. */
const Z = 1.959963984540054;

/** A share with Wilson's score interval (Wilson 1927), which also holds for few messages and for shares close to 0 and 1. */
export function wilson(part: number, whole: number): Estimate {
  const value = Math.min(part, whole) / whole;
  const square = Z ** 2 / whole;
  const centre = (value + square / 2) / (1 + square);
  const half = (Z / (1 + square)) * Math.sqrt((value * (1 - value)) / whole + square / (4 * whole));
  // At the ends the formula gives just 0 and 1, save for how numbers are rounded.
  return { value, low: value === 0 ? 0 : centre - half, high: value === 1 ? 1 : centre + half };
}

/** The difference of two shares, `a - b`, with Newcombe's hybrid score interval (Newcombe 1998, method 10). */
export function newcombe(a: Estimate, b: Estimate): Estimate {
  const value = a.value - b.value;
  return {
    value,
    low: value - Math.hypot(a.value - a.low, b.high - b.value),
    high: value + Math.hypot(a.high - a.value, b.value - b.low),
  };
}

const DONE: Record<Measure, string> = {
  delivered: "delivered",
  read: "read",
  replied: "answered",
  opted_out: "answered with a stop",
  failed: "failed",
};

function differenceIn(measure: Measure, name: string, own: VariantFigures, firstName: string, first: VariantFigures): Difference {
  const share = wilson(own[measure], own.messages);
  const firstShare = wilson(first[measure], first.messages);
  const difference = newcombe(share, firstShare);
  const { value, low, high } = difference;
  const verb = measure === "failed" ? "fails" : `is ${DONE[measure]}`;
  if (low > 0 || high < 0) {
    const verdict = `${name} ${verb} ${value > 0 ? "more" : "less"} often than ${firstName}: ${points(value)} (${range(difference)})`;
    return { ...difference, verdict };
  }
  const missing = messagesMissing(share.value, firstShare.value, Math.min(own.messages, first.messages));
  const advice =
    missing === null ? "" : `; a difference as large as this would show after about ${missing} more messages of each`;
  const verdict = `How often they ${measure === "failed" ? "fail" : `are ${DONE[measure]}`} cannot be told apart: ${points(value)} (${range(difference)})${advice}`;
  return { ...difference, verdict };
}

/**
 * How many more messages of each text would make a difference as large as this one stand out from chance; null where there is
 * none. By the normal approximation, in two significant digits.
 */
function messagesMissing(share: number, other: number, messages: number): number | null {
  if (share === other) return null;
  const needed = (Z ** 2 * (share * (1 - share) + other * (1 - other))) / (share - other) ** 2;
  const missing = Math.max(1, needed - messages);
  return Math.ceil(Number(missing.toPrecision(2)));
}

/** In percentage points, with their sign. */
function points(share: number): string {
  return `${share < 0 ? "" : "+"}${tenths(share)} points`;
}

function range({ low, high }: Estimate): string {
  return `${tenths(low)} to ${tenths(high)}`;
}

function tenths(share: number): string {
  const text = (share * 100).toFixed(1);
  return text === "-0.0" ? "0.0" : text;
}
