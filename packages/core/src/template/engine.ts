/** Owns the template language as messages have it: which of LiquidJS's tags and filters there are, and within which limits. */
import {
  Context,
  filters,
  Liquid,
  LiquidError,
  type Template as Node,
  Output,
  Parser,
  RenderError,
  TokenKind,
  type TopLevelToken,
  toValue,
  toValueSync,
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

/** An output, as it is printed. */
interface Slot {
  output: Output;
  /** The variable that it names, else what it says. */
  variable: string;
  /** Whether it has a `default`, so that coming to nothing is what its writer wants. */
  mayBeBlank: boolean;
  /** Where it only names a variable: that can be read directly, in a tenth of the time. */
  path: readonly string[] | null;
}

/** A template in the form in which it is rendered. */
export interface Program {
  nodes: Node[];
  /** Where there are no tags, as in most messages: its texts and outputs, which need no rendering by LiquidJS. */
  pieces: readonly (string | Slot)[] | null;
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
  const notes: Notes = { now, timezone, hole: null };
  if (program.pieces !== null) return join(program.pieces, variables, notes);
  try {
    const text: string = engine.renderSync(program.nodes, contextOf(variables, notes));
    return notes.hole ?? text;
  } catch (error) {
    // What went wrong first is told.
    if (notes.hole !== null) return notes.hole;
    throw error;
  }
}

function join(pieces: readonly (string | Slot)[], variables: object, notes: Notes): string | Hole {
  let context: Context | null = null;
  let text = "";
  for (const piece of pieces) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    let value: unknown;
    if (piece.path === null) {
      context ??= contextOf(variables, notes);
      value = evaluate(piece.output, context);
    } else {
      value = read(variables, piece.path);
    }
    const printed = print(value, piece);
    if (typeof printed !== "string") return printed;
    text += printed;
  }
  return text;
}

function contextOf(variables: object, notes: Notes): Context {
  const context = new Context(variables, engine.options, { sync: true }, { liquid: engine });
  context.setRegister(NOTES, notes);
  let steps = 0;
  // LiquidJS checks this limit at every step.
  context.renderLimit.check = () => {
    steps += 1;
    if (steps > MAX_STEPS) throw new Error("step limit exceeded");
  };
  return context;
}

function read(variables: object, path: readonly string[]): unknown {
  let value: unknown = variables;
  for (const key of path) {
    if (value === null || value === undefined || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(Object(value), key);
  }
  return value;
}

function evaluate(output: Output, context: Context): unknown {
  try {
    return toValue(toValueSync(output.value.value(context, false)));
  } catch (error) {
    throw LiquidError.is(error) ? error : new RenderError(error instanceof Error ? error : new Error(String(error)), output);
  }
}

function print(value: unknown, { variable, mayBeBlank }: Slot): string | Hole {
  const text = written(value);
  if (text === null) return { kind: "object", variable };
  return text === "" && !mayBeBlank ? { kind: "blank", variable } : text;
}

/** The text of a text, an output as it is printed, and null for a tag. */
function pieceOf(node: Node): string | Slot | null {
  if (node instanceof Output) return slotOf(node);
  return node.token.kind === TokenKind.HTML ? engine.renderSync([node], {}) : null;
}

function slotOf(output: Output): Slot {
  const said = output.token.getText();
  const [named] = namedVariables([output]);
  const variable = named === undefined ? said : named.path.join(".");
  const keys = variable.split(".");
  const isPath = /^\{\{-?\s*(\w+(?:\.\w+)*)\s*-?\}\}$/.exec(said)?.[1] === variable;
  // These are worked out, not read.
  const isWorkedOut = keys.some((key) => key === "size" || key === "first" || key === "last");
  const mayBeBlank = output.value.filters.some((filter) => filter.name === "default");
  return { output, variable, mayBeBlank, path: isPath && !isWorkedOut ? keys : null };
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
  const slot = slotOf(output);
  output.render = function* (context, emitter) {
    const printed = print(toValue(yield output.value.value(context, false)), slot);
    if (typeof printed === "string") emitter.write(printed);
    else context.getRegister<Notes>(NOTES).hole ??= printed;
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
