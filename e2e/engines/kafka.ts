/** Owns real Kafka brokers for tests and benchmarks: how they are got, configured and started. */
import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Admin } from "@platformatic/kafka";
import { run } from "./children.ts";
import { startContainer } from "./docker.ts";
import { freePort } from "./free-port.ts";
import { jarsOf, needProgram } from "./install.ts";
import { type Server, startProcess } from "./server.ts";
import { type Chosen, firstThatStarts } from "./ways.ts";

export interface Broker {
  /** With its version, such as "Apache Kafka 4.1.1 (KRaft, Java 17)". */
  name: string;
  /** As `KAFKA_BROKERS` takes it. */
  brokers: string;
}

export type Kafka = Broker & Server;

const POM = fileURLToPath(new URL("kafka.pom.xml", import.meta.url));
const IMAGE = "apache/kafka:4.1.1";
const CLUSTER_ID = "bWluaS1jcm0tZW5naW5lcw";
const FORMAT_LIMIT_MS = 60_000;
const HEAP = "-Xmx512m";

/** Starts a broker of one's own, which keeps what it has in `folder`, and its log in `folder`/kafka.log. */
export async function startKafka(folder: string, options: { port?: number } = {}): Promise<Kafka & Chosen> {
  const port = options.port ?? (await freePort());
  return firstThatStarts("Kafka", [
    { name: "Docker", start: () => inDocker(port) },
    { name: "Apache Kafka from Maven Central, on Java 17", start: () => onJava(folder, port) },
  ]);
}

/** The brokers that somebody else has started; rejects when they do not answer. */
export async function kafkaAt(brokers: string): Promise<Broker> {
  if (!(await answers(brokers))) throw new Error(`Kafka does not answer at ${brokers}, which KAFKA_BROKERS names.`);
  return { name: `Kafka at ${brokers} (KAFKA_BROKERS)`, brokers };
}

async function inDocker(port: number): Promise<Kafka> {
  const settings = { ...settingsOf(port, 9093, "0.0.0.0"), "log.dirs": "/tmp/kraft-combined-logs" };
  const variables = Object.entries(settings).map(([key, value]) => [`KAFKA_${key.replaceAll(".", "_").toUpperCase()}`, value]);
  const environment = { ...Object.fromEntries(variables), CLUSTER_ID, KAFKA_HEAP_OPTS: HEAP };
  const brokers = `127.0.0.1:${port}`;
  const server = await startContainer({ image: IMAGE, command: [], environment, port, isReady: () => answers(brokers) });
  return { ...server, brokers, name: `Apache Kafka ${IMAGE.split(":")[1]} (KRaft, Docker)` };
}

async function onJava(folder: string, port: number): Promise<Kafka> {
  await needProgram("java", ["openjdk-17-jre-headless"]);
  const jars = await jarsOf(POM);
  const java = [HEAP, "-Dorg.slf4j.simpleLogger.showDateTime=true", "-cp", join(jars, "*")];
  const configuration = join(folder, "server.properties");
  const data = join(folder, "kafka");
  const settings = { ...settingsOf(port, await freePort(), "127.0.0.1"), "log.dirs": data };
  await writeFile(
    configuration,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  if (!existsSync(data)) {
    const format = ["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config", configuration];
    await run("java", [...java, ...format], FORMAT_LIMIT_MS);
  }
  const brokers = `127.0.0.1:${port}`;
  const args = [...java, "kafka.Kafka", configuration];
  const server = await startProcess({ command: "java", args, log: join(folder, "kafka.log"), isReady: () => answers(brokers) });
  return { ...server, brokers, name: `Apache Kafka ${versionIn(jars)} (KRaft, Java)` };
}

function versionIn(jars: string): string {
  const versions = readdirSync(jars).map((jar) => /^kafka_[\d.]+-(.+)\.jar$/.exec(jar)?.[1]);
  return versions.find((version) => version !== undefined) ?? "of an unknown version";
}

/** One node that is broker and controller. Topics come only from those who create them, as in clusters with owners. */
function settingsOf(port: number, controllerPort: number, address: string): Record<string, string> {
  return {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://${address}:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    // After `kill` the broker is let in again when its old session has ended.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "2097152",
  };
}

const LOOK_LIMIT_MS = 3_000;

async function answers(brokers: string): Promise<boolean> {
  const limits = { connectTimeout: LOOK_LIMIT_MS, requestTimeout: LOOK_LIMIT_MS, timeout: LOOK_LIMIT_MS, retries: 0 };
  const admin = new Admin({ clientId: "mini-crm-engines", bootstrapBrokers: brokers.split(","), ...limits });
  try {
    const { brokers: members } = await admin.metadata({ topics: [] });
    return members.size > 0;
  } catch {
    return false;
  } finally {
    await admin.close();
  }
}
