/**
 * Owns a process that tests kill: `FILE NAME adds` says "added N" of each entry that is safe, `FILE NAME delivers` "delivered N" of
 * each that it delivers; both at once with `both`.
 */
import { systemClock } from "../system-clock/system-clock.ts";
import { openInbox } from "./inbox.ts";

const [file = "", name = "", does = "both"] = process.argv.slice(2);
const inbox = openInbox<string>({ file, clock: systemClock(), owner: name });
const say = (text: string) => new Promise((resolve) => process.stdout.write(`${text}\n`, resolve));

if (does !== "adds") {
  const deliver = async (entries: readonly string[]) => {
    for (const entry of entries) await say(`delivered ${entry}`);
  };
  inbox.drain(deliver, (error) => void say(`failed ${String(error)}`));
}
if (does !== "delivers") {
  for (let first = 0; ; first += 4) {
    await Promise.all(
      [0, 1, 2, 3].map((step) => inbox.add(`${name}-${first + step}`).then(() => say(`added ${name}-${first + step}`))),
    );
  }
}
process.stdin.resume(); // Until it is killed.
