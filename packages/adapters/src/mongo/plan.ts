/** Owns the words for a plan that MongoDB explains. */
import type { Document } from "mongodb";

/**
 * The steps of the winning plan, the last one first, each as `STAGE index field bounds`. Servers and their versions nest plans
 * differently, so that they are looked for wherever they are; rejected ones are left out.
 */
export function planSteps(explained: unknown): string[] {
  if (Array.isArray(explained)) return explained.flatMap(planSteps);
  if (!isDocument(explained)) return [];
  // Some tell the plan of an aggregation's first stage a second time beside its stages.
  if (explained["stages"] !== undefined) return planSteps(explained["stages"]);
  const inner = Object.entries(explained).flatMap(([key, value]) => (ELSEWHERE.has(key) ? [] : planSteps(value)));
  return typeof explained["stage"] === "string" ? [stepOf(explained["stage"], explained), ...inner] : inner;
}

const ELSEWHERE: ReadonlySet<string> = new Set(["rejectedPlans", "command", "parsedQuery", "indexBounds", "filter"]);

function stepOf(stage: string, { indexName, indexBounds }: Document): string {
  const bounds = isDocument(indexBounds) ? Object.entries(indexBounds).map(([field, range]) => ` ${field} ${told(range)}`) : [];
  return typeof indexName === "string" ? `${stage} ${indexName}${bounds.join(",")}` : stage;
}

/** A rule may hold thousands of values. */
const MOST_RANGES = 10;

function told(range: unknown): string {
  const ranges = Array.isArray(range) ? range.map(String) : [JSON.stringify(range)];
  const more = ranges.length > MOST_RANGES ? ` and ${ranges.length - MOST_RANGES} more` : "";
  return ranges.slice(0, MOST_RANGES).join(" ") + more;
}

function isDocument(value: unknown): value is Document {
  return typeof value === "object" && value !== null;
}
