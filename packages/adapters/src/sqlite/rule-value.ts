/** Owns how one SQL value, known to be of the test's own type and not null, is put to a rule's test. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Test } from "@mini-crm/core/segment/condition";
import { raw, type Sql, sql } from "./sql.ts";

export type ValueTest = Exclude<Test, { kind: "exists" }>;

const DAY_MS = 86_400_000;

/** SQL that is 1 or 0. `value` may stand in it several times. */
export function valueTest(value: Sql, test: ValueTest): Sql {
  switch (test.kind) {
    case "equal":
      // No column holds true, false or a null that is a value.
      return typeof test.value === "string" || typeof test.value === "number" ? sql`${value} = ${test.value}` : raw("0");
    case "in":
      return sql`${value} IN (SELECT ${listed(test.values)} FROM json_each(${JSON.stringify(test.values)}) AS listed)`;
    case "order":
      return sql`${value} ${raw(test.operator)} ${test.bound}`;
    case "between":
      return sql`${value} BETWEEN ${test.low} AND ${test.high}`;
    case "text":
      return textTest(value, test.place, test.text);
    case "time":
      return timeTest(value, test.low, test.high);
    default:
      return unreachable(test);
  }
}

/** JSON tells integers from other numbers, which a large one of each makes unequal; as REAL they are what JavaScript has. */
function listed(values: readonly unknown[]): Sql {
  return raw(typeof values[0] === "number" ? "CAST(listed.value AS REAL)" : "listed.value");
}

/** `LIKE` would not tell capitals from small letters; a prefix is a range, for which an index serves. */
function textTest(value: Sql, place: "anywhere" | "start" | "end", text: string): Sql {
  switch (place) {
    case "anywhere":
      return sql`instr(${value}, ${text}) > 0`;
    case "start": {
      const end = afterPrefix(text);
      return end === null ? sql`${value} >= ${text}` : sql`(${value} >= ${text} AND ${value} < ${end})`;
    }
    case "end":
      return sql`substr(${value}, ${-Array.from(text).length}) = ${text}`;
    default:
      return unreachable(place);
  }
}

/** The first text behind all those that begin with `prefix`; `null` where there is none. */
function afterPrefix(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return null;
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}

/** A zone moves a date by a day at most, so that the text alone rules most values out, and few go the slow way by JavaScript. */
function timeTest(value: Sql, low: number, high: number): Sql {
  const firstDay = new Date(low - DAY_MS).toISOString().slice(0, 10);
  const lastDay = new Date(high + DAY_MS).toISOString().slice(0, 10);
  return sql`CASE WHEN ${value} BETWEEN ${firstDay} AND ${`${lastDay}U`} THEN ifnull(iso_time(${value}) BETWEEN ${low} AND ${high}, 0) ELSE 0 END`;
}
