/** Owns `minicrm channel`: which numbers there are, and linking one to a phone or unlinking it. */
import { parseArgs } from "node:util";
import { readSettings } from "@mini-crm/runtime/run-process";
import { type Api, openApi } from "./api.ts";
import { pair } from "./pair.ts";
import { tableOf } from "./table.ts";

/** What the exit code says. */
const DONE = 0;
const NOT_DONE = 1;
const MISUSED = 2;

/** Runs the command against the running backend; answers its exit code. */
export async function channel(args: readonly string[]): Promise<number> {
  const asked = readArgs(args);
  if (typeof asked === "string") return said(asked, MISUSED);
  try {
    const api = openApi(readSettings());
    return await carryOut(api, asked);
  } catch (error) {
    return said(error instanceof Error ? error.message : String(error), NOT_DONE);
  }
}

type Asked = { word: "list" } | { word: "logout"; id: string } | { word: "pair"; id: string; phone: string | null };

function readArgs(args: readonly string[]): Asked | string {
  try {
    const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: { code: { type: "string" } } });
    const [word, id, ...more] = positionals;
    if (more.length > 0 || (values.code !== undefined && word !== "pair")) return USE;
    if (word === "list" && id === undefined) return { word };
    if (word === "logout" && id !== undefined) return { word, id };
    if (word === "pair" && id !== undefined) return { word, id, phone: values.code ?? null };
    return USE;
  } catch (error) {
    return `${USE} (${error instanceof Error ? error.message : String(error)})`;
  }
}

const USE = "minicrm channel takes: list | pair ID [--code NUMBER] | logout ID.";

async function carryOut(api: Api, asked: Asked): Promise<number> {
  switch (asked.word) {
    case "list":
      process.stdout.write(tableOf(await api.channels()));
      return DONE;
    case "logout":
      await api.logOut(asked.id);
      process.stdout.write(`${asked.id} is being unlinked: minicrm channel list shows when it is.\n`);
      return DONE;
    case "pair":
      return (await pair(api, asked, process.stdout)) ? DONE : NOT_DONE;
  }
}

function said(what: string, code: number): number {
  process.stderr.write(`${what}\n`);
  return code;
}
