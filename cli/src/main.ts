/** Owns the `minicrm` command: which words it knows. */
import { channel } from "./channel/channel.ts";
import { doctor } from "./doctor/doctor.ts";
import { drill } from "./drill/drill.ts";
import { move } from "./move/move.ts";
import { start } from "./start.ts";

const [word = "help", ...rest] = process.argv.slice(2);

const USAGE = `Usage: minicrm <command>

  start   Start the backend and the workers in one process, on the embedded engines
            --whatsapp twin  Connect the default channel to a local twin of Meta's Cloud API instead of the simulator
  channel list         What numbers there are, and whether they are connected
          pair ID      Link the WhatsApp Web channel ID to a phone: shows a QR code to scan
            --code NUMBER  A code to type into the phone of this number, instead of the QR code
          logout ID    Unlink it
  doctor  Look whether everything that is stored is as it should be; changes nothing, and Mini CRM may run meanwhile
            --json         The findings for a program; the exit code is 0 where all is well, 1 where something is wrong
  drill   Kill a system of its own again and again while campaigns run, and prove that nothing was lost or sent twice
            --kills N      Kills in each layout (20); --long for 100, 200 in all
            --leads N      Recipients of each campaign (10000)
            --seed N       Repeat the accidents of an earlier drill (any)
            --layout WORD  one, two or both: everything in one process, or backend and workers apart (both);
                           several: two backends and three workers
            --whatsapp WORD  simulator, or twin: over a local twin of Meta's Cloud API (simulator)
            MONGODB_URL and KAFKA_BROKERS in the environment (not in .env): on these, in a database and topics of its own
  move    --from sqlite --to mongodb: copy everything in DATA_DIR to the empty database at MONGODB_URL, and compare; Mini CRM
          must be stopped. The exit code is 0 where all has arrived, 1 where something differs
  help    Show this text
`;

const wantsHelp = ["help", "--help", "-h"].includes(word) || rest.some((arg) => arg === "--help" || arg === "-h");

if (wantsHelp) {
  process.stdout.write(USAGE);
} else if (word === "start" && rest.length === 0) {
  await start("as_stored");
} else if (word === "start" && rest.join(" ") === "--whatsapp twin") {
  await start("twin");
} else if (word === "channel") {
  process.exitCode = await channel(rest);
} else if (word === "doctor") {
  process.exitCode = await doctor(rest);
} else if (word === "drill") {
  process.exitCode = await drill(rest);
} else if (word === "move") {
  process.exitCode = await move(rest);
} else {
  process.stderr.write(`minicrm does not know "${[word, ...rest].join(" ")}".\n\n${USAGE}`);
  process.exitCode = 2;
}
