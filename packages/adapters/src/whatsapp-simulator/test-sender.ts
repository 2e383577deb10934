/** Owns a process that sends through a simulator on the given file until it is killed, and prints what was accepted. */
import { plainText } from "@mini-crm/core/message/content";
import { systemClock } from "../system-clock/system-clock.ts";
import { createSimulator } from "./simulator.ts";

// The clock keeps no process alive; the test does, for as long as it lives.
process.stdin.on("end", () => process.exit()).resume();

const [file = "", name = "", hears = ""] = process.argv.slice(2);
const latency = { fromMs: 0, toMs: 3 };
const afterward = { fromMs: 20, toMs: 200 };
const clock = systemClock();
const simulator = createSimulator({
  file,
  clock,
  seed: 1,
  behaviour: { latency, sentAfter: null, deliveredAfter: afterward, readShare: 0 },
});
if (hears === "hears") {
  simulator.onReceipts(async (receipts) => {
    for (const { messageId } of receipts) process.stdout.write(`heard ${messageId}\n`);
  });
}
await simulator.start();

for (let round = 0; ; round += 1) {
  const ids = Array.from({ length: 20 }, (_, index) => `${name}-${round}-${index}`);
  const answers = await Promise.all(
    ids.map((messageId) => {
      return simulator.send({ messageId, to: "+491511234567", ...plainText(`text of ${messageId}`) });
    }),
  );
  const accepted = ids.filter((_, index) => answers[index]?.kind === "accepted");
  process.stdout.write(accepted.map((id) => `accepted ${id}\n`).join(""));
  await clock.sleep(10);
}
