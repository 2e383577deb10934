/** Proves what only connections show that several processes open at once. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openConnection } from "./connection.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mini-crm-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Opens new files as a product does, as soon as it is told which. */
const OPENER = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData).then(({ openConnection }) => {
    parentPort.on("message", ({ file, turn }) => {
      const at = new Int32Array(turn);
      Atomics.add(at, 0, 1);
      while (Atomics.load(at, 0) < 3) {}
      try {
        openConnection(file, "read-write").close();
        parentPort.postMessage("opened");
      } catch (error) {
        parentPort.postMessage(String(error));
      }
    });
    parentPort.postMessage("ready");
  });
`;

test("processes that begin a new file at the same moment don't disturb each other", async () => {
  const openers = [0, 1, 2].map(
    () => new Worker(OPENER, { eval: true, workerData: new URL("connection.ts", import.meta.url).href }),
  );
  await Promise.all(openers.map((opener) => once(opener, "message")));
  for (let round = 0; round < 40; round += 1) {
    const turn = new SharedArrayBuffer(4);
    const answers = openers.map((opener) => once(opener, "message"));
    for (const opener of openers) opener.postMessage({ file: join(folder, `${round}.db`), turn });
    expect((await Promise.all(answers)).flat()).toEqual(["opened", "opened", "opened"]);
  }
  await Promise.all(openers.map((opener) => opener.terminate()));
  openConnection(join(folder, "0.db"), "read-only").close();
});
