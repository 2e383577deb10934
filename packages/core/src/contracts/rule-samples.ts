/** Owns random leads and rules that meet often: both are put together from the same few values, chosen for the traps they hold. */
import fc from "fast-check";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { CONSENT_STATES, type Lead } from "../lead/lead.ts";
import { LIST_FIELDS, metadataFieldName, SCALAR_FIELDS, type ScalarType } from "../segment/fields.ts";
import type { Comparison, ComparisonOperator, Rule, Scalar } from "../segment/rule.ts";

export interface RuleSample<R extends Rule> {
  leads: Lead[];
  rules: R[];
}

/** When the sampled rules are asked. */
export const SAMPLE_NOW = Date.parse("2025-03-01T00:30:00.000Z");

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const PERIODS = ["1m", "12h", "1d", "30d", "2w"];
const INSTANTS = [0, -MINUTE_MS, -DAY_MS / 2, -DAY_MS, -14 * DAY_MS, -30 * DAY_MS].flatMap((distance) =>
  [-1, 0, 1].map((nudge) => SAMPLE_NOW + distance + nudge),
);

/** The same moment in the ways that ISO 8601 writes it; the last drops its time of day. */
function isoForms(instant: number): string[] {
  const local = (offsetMs: number) => new Date(instant + offsetMs).toISOString().slice(0, -1);
  return [`${local(0)}Z`, `${local(14 * 60 * MINUTE_MS)}+14:00`, `${local(-11.5 * 60 * MINUTE_MS)}-11:30`, local(0).slice(0, 10)];
}

/** Nearly dates, which no engine may take for one. */
const NO_DATES = [
  "2025-02-29",
  "2025-02-28T24:00:00Z",
  "2025-02-28T23:59:60Z",
  "2025-02-28T10:00:00",
  "2025-02-28 10:00:00Z",
  "20250228",
  "2025-02",
];

/** Patterns, escapes, JSON in a text, numbers in a text, and code points whose order in UTF-16 is not that in UTF-8. */
const TEXTS = [
  ...["gold", "Gold", "goldfish", "marigold", "GOLD", "g", "d", "silver", "", " ", "1", "1500", "true", "null"],
  ...[
    "%",
    "_",
    "g%",
    "g_ld",
    "*",
    "?",
    "[",
    "[g]old",
    "^gold$",
    ".*",
    "\\",
    "\\gold",
    "a\\b",
    '"',
    '"gold"',
    'the "gold" one',
    "'",
    "''",
  ],
  ...[
    '["gold"]',
    '["gold","x"]',
    "[]",
    "{}",
    '{"a":"gold"}',
    "[1500]",
    "gold\n",
    "\ngold",
    "\u0001",
    "\u007f",
    "\u0085",
    "\u2028",
  ],
  ...[
    "é",
    "e\u0301",
    "gold\u{1f600}",
    "\u{1f600}",
    "\u{1f600}gold",
    "\u{10ffff}",
    "\u{10ffff}g",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\uffffg",
  ],
];

/** Zeros, fractions, and integers beyond what a float or 64 bits hold exactly. */
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  5,
  12.5,
  1500,
  0.1,
  0.1 + 0.2,
  1e-7,
  1e21,
  -1e21,
  2 ** 53,
  2 ** 60,
  2 ** 63,
  5e-324,
  Number.MAX_VALUE,
];

const KEYS = ["tier", "since", "a", "a.b", 'say "a"', "back\\slash", "0", "$set", "it's", "\u{1f600}"];

/** What one sample is made of: few enough values that leads and rules often have one in common. */
interface Vocabulary {
  text: fc.Arbitrary<string>;
  /** Not empty. */
  part: fc.Arbitrary<string>;
  number: fc.Arbitrary<number>;
  instant: fc.Arbitrary<number>;
  date: fc.Arbitrary<string>;
  scalar: fc.Arbitrary<Scalar>;
}

const vocabulary: fc.Arbitrary<Vocabulary> = fc
  .record({
    texts: fc.subarray(TEXTS, { minLength: 4, maxLength: 7 }),
    numbers: fc.subarray(NUMBERS, { minLength: 3, maxLength: 5 }),
    instants: fc.subarray(INSTANTS, { minLength: 3, maxLength: 6 }),
    anyText: fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "")),
    anyNumber: fc.double({ noNaN: true, noDefaultInfinity: true }),
  })
  .map(({ texts, numbers, instants, anyText, anyNumber }) => {
    const text = fc.constantFrom("gold", anyText, ...texts);
    const number = fc.constantFrom(anyNumber, ...numbers);
    const instant = fc.constantFrom(...instants);
    const date = instant.chain((moment) => fc.constantFrom(...isoForms(moment)));
    const scalar = fc.oneof(
      { arbitrary: text, weight: 6 },
      { arbitrary: number, weight: 4 },
      { arbitrary: fc.constantFrom(true, false, null), weight: 2 },
      { arbitrary: date, weight: 2 },
      fc.constantFrom(...NO_DATES),
    );
    return { text, part: text.filter((value) => value !== ""), number, instant, date, scalar };
  });

function orNull<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(arbitrary, { freq: 4 });
}

function metadataOf({ scalar, date }: Vocabulary): fc.Arbitrary<JsonObject> {
  const { object, value } = fc.letrec<{ object: JsonObject; value: JsonValue }>((tie) => ({
    object: fc.dictionary(fc.constantFrom(...KEYS, ""), tie("value"), { maxKeys: 3, noNullPrototype: true }),
    value: fc.oneof(
      { maxDepth: 3 },
      { arbitrary: scalar, weight: 4 },
      { arbitrary: fc.array(tie("value"), { maxLength: 4 }), weight: 2 },
      { arbitrary: tie("object"), weight: 1 },
    ),
  }));
  const since = fc.oneof(
    { arbitrary: fc.oneof(date, fc.array(date, { maxLength: 2 })), weight: 2 },
    value,
    fc.constantFrom(...NO_DATES),
  );
  const often = fc.record({ tier: value, since, a: value }, { requiredKeys: ["tier", "since"], noNullPrototype: true });
  return fc.tuple(object, often).map(([some, more]) => ({ ...some, ...more }));
}

/** Leads whose identifiers and `external_id`s are their own. */
function leadsOf(words: Vocabulary): fc.Arbitrary<Lead[]> {
  const list = fc.uniqueArray(words.part, { maxLength: 3 });
  const consent = fc.record({ state: fc.constantFrom(...CONSENT_STATES), source: orNull(words.text), at: orNull(words.instant) });
  const lead = fc.record({
    external_id: orNull(words.part),
    name: orNull(words.text),
    emails: list,
    phones: list,
    total_spend: orNull(words.number),
    visits: orNull(words.number),
    last_order_at: orNull(words.instant),
    tags: list,
    timezone: orNull(words.part),
    consent,
    metadata: metadataOf(words),
    created_at: words.instant,
    updated_at: words.instant,
  });
  return fc
    .uniqueArray(lead, { minLength: 3, maxLength: 12, selector: (sampled) => sampled.external_id ?? sampled })
    .map((leads) => leads.map((sampled, index) => ({ _id: idAt(index), ...sampled })));
}

function idAt(index: number): string {
  return (index + 1).toString(16).padStart(24, "0");
}

/** What a kind of field is compared with. */
interface Literals {
  any: fc.Arbitrary<Scalar>;
  ordered: fc.Arbitrary<string | number>;
  pair: fc.Arbitrary<[string, string] | [number, number]>;
}

function named<O extends ComparisonOperator>(name: fc.Arbitrary<string>, ...operators: O[]) {
  const left = fc.record({ type: fc.constant("field" as const), value: name });
  return fc.record({ type: fc.constant("comparison" as const), operator: fc.constantFrom(...operators), left });
}

function against<O extends ComparisonOperator, V>(name: fc.Arbitrary<string>, value: fc.Arbitrary<V>, ...operators: O[]) {
  const right = fc.record({ type: fc.constant("literal" as const), value });
  return fc.tuple(named(name, ...operators), right).map(([start, literal]) => ({ ...start, right: literal }));
}

function comparing(name: fc.Arbitrary<string>, literals: Literals): fc.Arbitrary<Comparison> {
  return fc.oneof(
    named(name, "EXISTS", "NOT_EXISTS"),
    against(name, literals.any, "==", "!="),
    against(name, fc.array(literals.any, { minLength: 1, maxLength: 4 }), "IN", "NOT_IN"),
    { arbitrary: against(name, literals.ordered, ">", ">=", "<", "<="), weight: 2 },
    against(name, literals.pair, "BETWEEN"),
  );
}

function searching(name: fc.Arbitrary<string>, { part }: Vocabulary): fc.Arbitrary<Comparison> {
  const piece = part.chain((text) => {
    const characters = Array.from(text);
    return fc
      .nat(characters.length - 1)
      .chain((from) => fc.integer({ min: from + 1, max: characters.length }).map((to) => characters.slice(from, to).join("")));
  });
  return against(name, piece, "CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH");
}

function dating(name: fc.Arbitrary<string>): fc.Arbitrary<Comparison> {
  return against(name, fc.constantFrom(...PERIODS), "WITHIN_LAST", "NOT_WITHIN_LAST");
}

function scalarsOf(type: ScalarType): fc.Arbitrary<string> {
  const names = Object.entries(SCALAR_FIELDS).flatMap(([name, ofType]) => (ofType === type ? [name] : []));
  return fc.constantFrom(...names);
}

/** Somewhere in metadata, whether any lead has it or not. */
const anyPath = fc.array(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 3 }).map(metadataFieldName);

/** The names of all fields in the leads' metadata, with the scalars found there, alone or in a list. */
function metadataOfLeads(leads: readonly Lead[]): Map<string, Scalar[]> {
  const found = new Map<string, Scalar[]>();
  const walk = (object: JsonObject, path: string[]): void => {
    for (const [key, value] of Object.entries(object)) {
      if (key === "") continue;
      const here = [...path, key];
      if (isJsonObject(value)) walk(value, here);
      const scalars = [value].flat().filter((item) => typeof item !== "object" || item === null);
      const name = metadataFieldName(here);
      found.set(name, [...(found.get(name) ?? []), ...scalars]);
    }
  };
  for (const lead of leads) walk(lead.metadata, []);
  return found;
}

/** Mostly compares a field that some lead has with a value that it has there. */
function metadataComparisonOf(words: Vocabulary, leads: readonly Lead[]): fc.Arbitrary<Comparison> {
  const anywhere = metadataComparisonAt(anyPath, words);
  // Each place once for every value that it holds, so that those which leads share come up more often.
  const places = [...metadataOfLeads(leads)].flatMap((place) => place[1].map(() => place));
  if (places.length === 0) return anywhere;
  const somewhere = fc.constantFrom(...places).chain(([name, values]) => {
    const texts = values.filter((value) => typeof value === "string").filter((value) => value !== "");
    const numbers = values.filter((value) => typeof value === "number");
    const text = texts.length > 0 ? fc.constantFrom(...texts) : words.text;
    const number = numbers.length > 0 ? fc.constantFrom(...numbers) : words.number;
    const scalar = fc.oneof({ arbitrary: fc.constantFrom(...values), weight: 3 }, words.scalar);
    return metadataComparisonAt(fc.constant(name), {
      ...words,
      text,
      part: texts.length > 0 ? text : words.part,
      number,
      scalar,
    });
  });
  return fc.oneof({ arbitrary: somewhere, weight: 4 }, anywhere);
}

function metadataComparisonAt(name: fc.Arbitrary<string>, words: Vocabulary): fc.Arbitrary<Comparison> {
  const { text, number, scalar } = words;
  const pair = fc.oneof(fc.tuple(text, text), fc.tuple(number, number));
  return fc.oneof(
    { arbitrary: comparing(name, { any: scalar, ordered: fc.oneof(text, number), pair }), weight: 5 },
    { arbitrary: searching(name, words), weight: 2 },
    { arbitrary: dating(fc.oneof(fc.constant("metadata.since"), name)), weight: 1 },
  );
}

function comparisonOf(words: Vocabulary, leads: readonly Lead[]): fc.Arbitrary<Comparison> {
  const { text, number, date } = words;
  const textNames = fc.oneof(scalarsOf("text"), fc.constantFrom(...LIST_FIELDS));
  return fc.oneof(
    { arbitrary: comparing(textNames, { any: text, ordered: text, pair: fc.tuple(text, text) }), weight: 3 },
    { arbitrary: searching(textNames, words), weight: 2 },
    { arbitrary: comparing(scalarsOf("number"), { any: number, ordered: number, pair: fc.tuple(number, number) }), weight: 2 },
    { arbitrary: comparing(scalarsOf("date"), { any: date, ordered: date, pair: fc.tuple(date, date) }), weight: 2 },
    { arbitrary: dating(scalarsOf("date")), weight: 1 },
    { arbitrary: metadataComparisonOf(words, leads), weight: 8 },
  );
}

function combinationOf(words: Vocabulary, leads: readonly Lead[]): fc.Arbitrary<Rule> {
  return fc.letrec<{ rule: Rule }>((tie) => ({
    rule: fc.oneof(
      { maxDepth: 3 },
      comparisonOf(words, leads),
      fc.record({ op: fc.constantFrom("AND", "OR"), children: fc.array(tie("rule"), { minLength: 1, maxLength: 4 }) }),
      fc.record({ op: fc.constant("NOT"), children: fc.tuple(tie("rule")) }),
    ),
  })).rule;
}

type RuleOf<R extends Rule> = (words: Vocabulary, leads: readonly Lead[]) => fc.Arbitrary<R>;

function sampleOf<R extends Rule>(ruleOf: RuleOf<R>, size: number): fc.Arbitrary<RuleSample<R>> {
  return vocabulary.chain((words) =>
    leadsOf(words).chain((leads) => {
      const rules = fc.array(ruleOf(words, leads), { minLength: size, maxLength: size });
      return fc.record({ leads: fc.constant(leads), rules });
    }),
  );
}

/** Leads, and comparisons to find some of them. */
export function sampleComparisons(rules: number): fc.Arbitrary<RuleSample<Comparison>> {
  return sampleOf(comparisonOf, rules);
}

/** Leads, and rules of any depth to find some of them. */
export function sampleRules(rules: number): fc.Arbitrary<RuleSample<Rule>> {
  return sampleOf(combinationOf, rules);
}
