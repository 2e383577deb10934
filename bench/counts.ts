/** Owns the benchmark of segment counts: rules over a million leads, against reading an index or every row with no rule at all. */
import { openConnection } from "@mini-crm/adapters/sqlite/connection";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { NOW } from "@mini-crm/core/contracts/samples";
import type { Rule } from "@mini-crm/core/segment/rule";
import { databaseOf } from "./leads.ts";
import { type Benchmark, type Finding, leadsFor, median, timed } from "./measure.ts";

const REPETITIONS = 11;
const MOST_INDEXED_MS = 10;
const MOST_SCANNED_MS = 200;

const field = (value: string) => ({ type: "field", value }) as const;
const literal = <V>(value: V) => ({ type: "literal", value }) as const;

const SPENT_MUCH: Rule = { type: "comparison", operator: ">", left: field("total_spend"), right: literal(1_000) };
const CAME_OFTEN: Rule = { type: "comparison", operator: ">=", left: field("visits"), right: literal(5) };
const IS_PREMIUM: Rule = { type: "comparison", operator: "==", left: field("metadata.tier"), right: literal("premium") };
const FROM_MEDIA: Rule = { type: "comparison", operator: "CONTAINS", left: field("metadata.source"), right: literal("media") };

/** What a count must read at the least. */
type Reads = "index" | "every lead";

export const COUNTS: readonly { what: string; rule: Rule; reads: Reads; mostMs: number }[] = [
  { what: "total_spend > 1000", rule: SPENT_MUCH, reads: "index", mostMs: MOST_INDEXED_MS },
  {
    what: "total_spend > 1000 AND visits >= 5",
    rule: { op: "AND", children: [SPENT_MUCH, CAME_OFTEN] },
    reads: "index",
    mostMs: MOST_INDEXED_MS,
  },
  {
    what: "metadata.tier == premium",
    rule: IS_PREMIUM,
    reads: "every lead",
    mostMs: MOST_SCANNED_MS,
  },
  {
    what: "metadata.source CONTAINS media",
    rule: FROM_MEDIA,
    reads: "every lead",
    mostMs: MOST_SCANNED_MS,
  },
];

/** The least that SQLite must do for it. */
const LIMITS: Readonly<Record<Reads, { what: string; sql: string }>> = {
  index: { what: "one index read", sql: "SELECT count(*) FROM lead WHERE total_spend > 1000" },
  "every lead": { what: "one column of every lead read", sql: "SELECT count(*) FROM lead NOT INDEXED WHERE updated_at > 0" },
};

export const countsBenchmark: Benchmark = {
  name: "counts",
  async run(setup) {
    const leads = leadsFor(setup, { full: 1_000_000, smoke: 20_000 });
    const file = await databaseOf(leads, setup);
    const store = sqliteStore(await openDatabase(file));
    const raw = openConnection(file, "read-only");
    const took = new Map<string, number[]>();
    const note = async (name: string, work: () => unknown): Promise<void> => {
      const tookMs = await timed(work);
      took.set(name, [...(took.get(name) ?? []), tookMs]);
    };

    for (const { what, rule } of COUNTS) setup.print(`${what}: ${await store.segments.count(rule, NOW)} of ${leads} leads`);
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
      for (const { what, sql } of Object.values(LIMITS)) await note(what, () => raw.get(sql));
      for (const { what, rule } of COUNTS) await note(what, () => store.segments.count(rule, NOW));
    }
    raw.close();
    await store.close();
    const medianOf = (name: string): number => median(took.get(name) ?? []);
    return COUNTS.map(
      ({ what, reads, mostMs }): Finding => ({
        what: `Segment count, ${what}${reads === "index" ? "" : ", without an index"}`,
        unit: "ms",
        figure: medianOf(what),
        limit: { what: LIMITS[reads].what, value: medianOf(LIMITS[reads].what) },
        budget: { of: "figure", atMost: mostMs },
      }),
    );
  },
};
