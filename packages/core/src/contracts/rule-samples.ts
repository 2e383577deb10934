/** Owns random leads and rules that meet often, as both are put together from the same few values. */
import fc from "fast-check";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { CONSENT_STATES, type Lead } from "../lead/lead.ts";
import { LIST_FIELDS, metadataFieldName, SCALAR_FIELDS, type ScalarType } from "../segment/fields.ts";
import type { Comparison, ComparisonOperator, Rule, Scalar } from "../segment/rule.ts";
import { NO_DATES, PERIODS, type Vocabulary, vocabulary } from "./rule-vocabulary.ts";

export interface RuleSample<R extends Rule> {
  leads: Lead[];
  rules: R[];
}

const KEYS = ["tier", "since", "a", "a.b", 'say "a"', "back\\slash", "0", "$set", "it's", "\u{1f600}"];

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
  const piece = fc.tuple(part, fc.nat(3), fc.nat(3)).map(([text, skipped, dropped]) => {
    const characters = Array.from(text);
    return characters.slice(skipped, characters.length - dropped).join("") || text;
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
