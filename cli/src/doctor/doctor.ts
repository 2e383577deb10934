/** Owns `minicrm doctor`: looks at everything that is stored, changes nothing, and says what is wrong. */
import { type EnginesToRead, openEnginesToRead } from "@mini-crm/runtime/engines";
import { readSettings } from "@mini-crm/runtime/run-process";
import { examine, type Finding } from "./examine.ts";

/** What the exit code says. */
const ALL_WELL = 0;
const SOMETHING_WRONG = 1;
const CANNOT_LOOK = 2;

/** Runs the command; answers its exit code. */
export async function doctor(args: readonly string[]): Promise<number> {
  const isForMachines = args.length === 1 && args[0] === "--json";
  if (args.length > 0 && !isForMachines)
    return cannotLook(`minicrm doctor takes --json and nothing else, not "${args.join(" ")}".`);
  let engines: EnginesToRead | null = null;
  try {
    const settings = readSettings();
    const { dataDir, mongodbUrl, receiptWindowMs } = settings;
    engines = await openEnginesToRead(settings);
    if (engines === null) {
      const place = mongodbUrl === null ? dataDir : "the database at MONGODB_URL";
      return cannotLook(`Nothing has been stored in ${place} yet: there is nothing to look at.`);
    }
    const findings = await examine({ ...engines, receiptWindowMs });
    const isWell = findings.every(({ problems }) => problems.length === 0);
    process.stdout.write(isForMachines ? jsonOf(dataDir, isWell, findings) : tableOf(dataDir, isWell, findings));
    return isWell ? ALL_WELL : SOMETHING_WRONG;
  } catch (error) {
    return cannotLook(`What is stored cannot be looked at: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await engines?.close();
  }
}

function cannotLook(why: string): number {
  process.stderr.write(`${why}\n`);
  return CANNOT_LOOK;
}

function jsonOf(dataDir: string, isWell: boolean, findings: readonly Finding[]): string {
  return `${JSON.stringify({ ok: isWell, data_dir: dataDir, findings })}\n`;
}

function tableOf(dataDir: string, isWell: boolean, findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ look }) => look.length));
  const lines = findings.flatMap(({ look, found, problems }) => [
    `  ${problems.length === 0 ? "ok   " : "WRONG"}  ${look.padEnd(width)}  ${found}`,
    ...problems.map((problem) => `         ${" ".repeat(width)}  - ${problem}`),
  ]);
  return [dataDir, "", ...lines, "", isWell ? "All is well." : "Something is wrong: see above.", ""].join("\n");
}
