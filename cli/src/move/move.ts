/** Owns `minicrm move`: takes everything from SQLite to MongoDB while Mini CRM is stopped, and shows that it has arrived. */
import { parseArgs } from "node:util";
import { moveToMongo, type OnProgress } from "@mini-crm/runtime/move";
import { readSettings } from "@mini-crm/runtime/run-process";
import { reportOf } from "./report.ts";

/** What the exit code says. */
const MOVED = 0;
const DIFFERENT = 1;
const CANNOT_MOVE = 2;

/** Runs the command; answers its exit code. */
export async function move(args: readonly string[]): Promise<number> {
  const problem = problemOf(args);
  if (problem !== null) return cannotMove(problem);
  try {
    const settings = readSettings();
    const moved = await moveToMongo(settings, process.stderr.isTTY ? showProgress : () => {}).finally(clearProgress);
    process.stdout.write(reportOf(moved, settings));
    return moved.collections.every(({ isSame }) => isSame) ? MOVED : DIFFERENT;
  } catch (error) {
    return cannotMove(`The move was not carried out: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const ONLY_WAY = "minicrm move takes --from sqlite --to mongodb and nothing else";

/** Why `args` do not name the one way there is; null where they do. */
function problemOf(args: readonly string[]): string | null {
  try {
    const { from, to } = parseArgs({ args: [...args], options: { from: { type: "string" }, to: { type: "string" } } }).values;
    return from === "sqlite" && to === "mongodb" ? null : `${ONLY_WAY}, not "${args.join(" ")}".`;
  } catch (error) {
    return `${ONLY_WAY}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function cannotMove(why: string): number {
  process.stderr.write(`${why}\n`);
  return CANNOT_MOVE;
}

const CLEAR_LINE = "\r\u001B[K";

/** One line that changes. */
const showProgress: OnProgress = (doing, name, documents) => {
  process.stderr.write(`${CLEAR_LINE}${doing} ${name}: ${documents.toLocaleString("en")}`);
};

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write(CLEAR_LINE);
}
