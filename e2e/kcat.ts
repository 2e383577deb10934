/** Owns Kafka as somebody else's program sees it: kcat, which knows nothing of Mini CRM. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./engines/children.ts";
import { needProgram } from "./engines/install.ts";
import { temporaryFolder } from "./system.ts";

export interface KafkaRecord {
  key: string;
  value: string;
}

const LIMIT_MS = 30_000;

/** Everything that is in a topic now; rejects where kcat is missing and cannot be installed. */
export async function consumeAll(brokers: string, topic: string): Promise<KafkaRecord[]> {
  await needProgram("kcat", ["kcat"]);
  const all = ["-C", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k\t%s\n"];
  const lines = (await run("kcat", all, LIMIT_MS)).split("\n").filter((line) => line !== "");
  return lines.map((line) => ({ key: line.slice(0, line.indexOf("\t")), value: line.slice(line.indexOf("\t") + 1) }));
}

/** Publishes records, each to the partition that its key belongs to. */
export async function publishAll(brokers: string, topic: string, records: readonly KafkaRecord[]): Promise<void> {
  await needProgram("kcat", ["kcat"]);
  const { folder, remove } = await temporaryFolder();
  try {
    const file = join(folder, "records");
    await writeFile(file, records.map(({ key, value }) => `${key}\t${value}\n`).join(""));
    const keyed = ["-P", "-b", brokers, "-t", topic, "-K", "\t", "-X", "topic.partitioner=murmur2_random", "-l", file];
    await run("kcat", keyed, LIMIT_MS);
  } finally {
    await remove();
  }
}
