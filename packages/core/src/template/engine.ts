/** Owns the template language as messages have it: which of LiquidJS's tags and filters there are, and within which limits. */
import {
  Context,
  filters,
  Liquid,
  type Template as Node,
  Output,
  Parser,
  TokenKind,
  type TopLevelToken,
  toValue,
} from "liquidjs";
import type { Instant } from "../instant.ts";

/** No tag that reads a file, and none that prints a value without passing `guard`. */
export const TAGS: readonly string[] = "# assign break capture case comment continue for if raw unless".split(" ");

/** No filter for HTML, none that depends on chance, and none that holds an expression of its own. */
export const FILTERS: readonly string[] = [
  "append capitalize date default downcase prepend remove remove_first remove_last replace replace_first replace_last",
  "slice slugify split squish strip truncate truncatewords upcase url_encode",
  "abs at_least at_most ceil divided_by floor minus modulo plus round times",
  "compact concat first join last map reverse size sort sort_natural sum uniq where",
].flatMap((names) => names.split(" "));

/** A count of steps, not a time: a busy machine must not fail a good message. */
const MAX_STEPS = 10_000;
/** In LiquidJS's own measure, which is about one for each character or list item. */
const MAX_ALLOCATED = 100_000;

/** What one rendering is given and what its outputs find, kept in LiquidJS's register of that name. */
const NOTES = "notes";
interface Notes {
  now: Instant;
  timezone: string;
  hole: Hole | null;
}

/** An output that cannot be printed, by the variable it names: it came to nothing, or to an object. */
export interface Hole {
  kind: "blank" | "object";
  variable: string;
}

/** A template in the form in which it is rendered. */
export interface Program {
  nodes: Node[];
  /** Where there are only texts and paths of variables, as in most messages: read directly, these take a tenth of the time. */
  pieces: readonly (string | readonly string[])[] | null;
}

const engine = createEngine();

/** Parses a template. Throws LiquidJS's errors. */
export function parse(source: string): Program {
  const nodes = new GuardedParser(engine).parse(source);
  const pieces = nodes.map(pieceOf);
  return { nodes, pieces: pieces.every((piece) => piece !== null) ? pieces : null };
}

/** The paths of the variables that `nodes` name and don't define themselves, and where each stands. */
export function namedVariables(nodes: Node[]): { path: readonly unknown[]; row: number; column: number }[] {
  const variables = Object.values(engine.analyzeSync(nodes).globals).flat();
  return variables.map(({ segments, location }) => ({ path: segments, row: location.row, column: location.col }));
}

/** Renders `program`; dates are those of `timezone`. Throws LiquidJS's errors, also where a limit is exceeded. */
export function run(program: Program, variables: object, now: Instant, timezone: string): string | Hole {
  if (program.pieces !== null) return join(program.pieces, variables);
  const notes: Notes = { now, timezone, hole: null };
  const context = new Context(variables, engine.options, { sync: true }, { liquid: engine });
  context.setRegister(NOTES, notes);
  let steps = 0;
  // LiquidJS checks this limit at every step.
  context.renderLimit.check = () => {
    steps += 1;
    if (steps > MAX_STEPS) throw new Error("step limit exceeded");
  };
  const text: string = engine.renderSync(program.nodes, context);
  return notes.hole ?? text;
}

function join(pieces: NonNullable<Program["pieces"]>, variables: object): string | Hole {
  let text = "";
  for (const piece of pieces) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    let value: unknown = variables;
    for (const key of piece) value = ownProperty(value, key);
    const part = written(value);
    if (!part) return { kind: part === null ? "object" : "blank", variable: piece.join(".") };
    text += part;
  }
  return text;
}

function ownProperty(value: unknown, key: string): unknown {
  if (value === null || value === undefined || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(Object(value), key);
}

/** The text of a text, the path of a plain `{{ path }}`, and null for what only LiquidJS can render. */
function pieceOf(node: Node): string | string[] | null {
  if (node.token.kind === TokenKind.HTML) return engine.renderSync([node], {});
  const path = /^\{\{-?\s*(\w+(?:\.\w+)*)\s*-?\}\}$/.exec(node.token.getText())?.[1];
  const [named] = namedVariables([node]);
  if (path === undefined || named?.path.join(".") !== path) return null;
  const keys = path.split(".");
  // These are worked out, not read.
  return keys.some((key) => key === "size" || key === "first" || key === "last") ? null : keys;
}

function createEngine(): Liquid {
  const liquid = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    memoryLimit: MAX_ALLOCATED,
    // In place of the file system.
    templates: {},
    locale: "en-US",
    dateFormat: "%-d %B %Y",
  });
  for (const tag of Object.keys(liquid.tags)) if (!TAGS.includes(tag)) delete liquid.tags[tag];
  for (const filter of Object.keys(liquid.filters)) if (!FILTERS.includes(filter)) liquid.unregisterFilter(filter);
  const date = filters["date"];
  if (typeof date !== "function") throw new Error("LiquidJS has no `date` filter to build on.");
  liquid.registerFilter("date", function (value: unknown, format: unknown, timezone: unknown) {
    const notes = this.context.getRegister<Notes>(NOTES);
    const at = value === "now" || value === "today" ? new Date(notes.now) : value;
    return date.call(this, at, format, timezone ?? notes.timezone);
  });
  return liquid;
}

class GuardedParser extends Parser {
  override parseToken(token: TopLevelToken, remaining: TopLevelToken[]): ReturnType<Parser["parseToken"]> {
    const node = super.parseToken(token, remaining);
    if (node instanceof Output) guard(node);
    return node;
  }
}

/** Makes `output` print values as people write them, and note where it has nothing to print. */
function guard(output: Output): void {
  const mayBeBlank = output.value.filters.some((filter) => filter.name === "default");
  const [named] = namedVariables([output]);
  const variable = named === undefined ? output.token.getText() : named.path.join(".");
  output.render = function* (context, emitter) {
    const text = written(toValue(yield output.value.value(context, false)));
    if (text === null || (text === "" && !mayBeBlank)) {
      context.getRegister<Notes>(NOTES).hole ??= { kind: text === null ? "object" : "blank", variable };
    }
    emitter.write(text);
  };
}

/** A value as people write it, a list with commas; null for an object, which has no such form. */
function written(value: unknown): string | null {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return Number.isFinite(value) ? decimal(value) : "";
    case "boolean":
      return String(value);
    case "object": {
      if (value === null) return "";
      if (!Array.isArray(value)) return null;
      const items = value.map(written);
      return items.includes(null) ? null : items.filter((item) => item !== "").join(", ");
    }
    default:
      return "";
  }
}

/** 15 digits are what a number surely holds: 0.1 + 0.2 is 0.3. */
function decimal(value: number): string {
  const text = String(Number.isInteger(value) ? value : Number(value.toPrecision(15)));
  return text.includes("e") ? value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 20 }) : text;
}
