/** Owns the tests of servers that run as processes. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../system.ts";
import { freePort } from "./free-port.ts";
import { kafkaAt } from "./kafka.ts";
import { mongoAt } from "./mongodb.ts";
import { startProcess } from "./server.ts";

async function newFolder(): Promise<string> {
  const { folder, remove } = await temporaryFolder();
  onTestFinished(remove);
  return folder;
}

test("a server that ends before it answers is reported with the end of its log", async () => {
  const log = join(await newFolder(), "server.log");
  const launch = { command: "sh", args: ["-c", "echo the port is taken; exit 3"], log, isReady: async () => false };
  await expect(startProcess(launch)).rejects.toThrow("It ended (3). Its log ends with:\nthe port is taken");
});

test("a server that was killed can be started again, and stopped while it is frozen", async () => {
  const folder = await newFolder();
  const starts = (count: number) => existsSync(join(folder, `start-${count}`));
  const script = `cd ${folder}; if [ -e start-1 ]; then touch start-2; else touch start-1; fi; sleep 300`;
  let awaited = 1;
  const isReady = async () => starts(awaited);
  const server = await startProcess({ command: "sh", args: ["-c", script], log: join(folder, "server.log"), isReady });
  await server.kill();
  expect(starts(2)).toBe(false);

  awaited = 2;
  await server.restart();
  await server.suspend();
  await server.stop();
});

test("brokers and databases that do not answer are told by the setting that names them", async () => {
  const address = `127.0.0.1:${await freePort()}`;
  await expect(kafkaAt(address)).rejects.toThrow(`Kafka does not answer at ${address}, which KAFKA_BROKERS names.`);
  const told = mongoAt(`mongodb://me:secret@${address}/?directConnection=true`);
  await expect(told).rejects.toThrow(/^MongoDB does not answer at the address in MONGODB_URL: .*ECONNREFUSED/);
  await expect(told).rejects.not.toThrow("secret");
});
