/** Owns the `minicrm` command: which words it knows. */
import { start } from "./start.ts";

const [word = "help", ...rest] = process.argv.slice(2);

const USAGE = `Usage: minicrm <command>

  start   Start the backend and the workers in one process, on the embedded engines
  help    Show this text
`;

if (word === "start" && rest.length === 0) {
  await start();
} else if (word === "help" || word === "--help") {
  process.stdout.write(USAGE);
} else {
  process.stderr.write(`minicrm does not know "${[word, ...rest].join(" ")}".\n\n${USAGE}`);
  process.exitCode = 2;
}
