/** Owns MongoDB servers for tests and benchmarks: which are to be had, in which order, and how each is started and called. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import type { Environment } from "./children.ts";
import { startContainer } from "./docker.ts";
import { freePort } from "./free-port.ts";
import { pythonPackages } from "./install.ts";
import { downloadedMongod, installedMongod, MONGODB_VERSION } from "./mongod.ts";
import { type Server, startProcess } from "./server.ts";
import { type Chosen, firstThatStarts } from "./ways.ts";

export interface Database {
  /** With its version and where it is from, such as "MongoDB 8.0.13 (Docker)". */
  name: string;
  /** As `MONGODB_URL` takes it, without a database. */
  url: string;
  /** Whether it is another program that speaks MongoDB's protocol. */
  isStandIn: boolean;
}

export type MongoDb = Database & Server;

/** Where a server of one's own keeps what it has, and where it listens on 127.0.0.1. */
interface Place {
  folder: string;
  port: number;
}

const IMAGE = `mongo:${MONGODB_VERSION}`;
const REPLICA_SET = "rs0";
/** Enough for tests, and no more than a small machine has. */
const CACHE_GB = 1;

/** Starts a server of one's own, which keeps what it has in `folder`, and its log in `folder`/mongodb.log. */
export async function startMongo(folder: string, options: { port?: number } = {}): Promise<MongoDb & Chosen> {
  const place = { folder, port: options.port ?? (await freePort()) };
  return firstThatStarts("MongoDB", [
    { name: "Docker", start: () => inDocker(place) },
    { name: "an installed mongod", start: async () => mongodAt(await installedMongod(), "mongod", place) },
    { name: "a downloaded mongod", start: async () => mongodAt(await downloadedMongod(), "downloaded mongod", place) },
    { name: "SecantusDB from PyPI, a stand-in", start: () => secantusInRust(place) },
  ]);
}

/** Starts the stand-in that shares the least code with the first one. It is slow. */
export async function startSecondStandIn(folder: string): Promise<MongoDb & Chosen> {
  const place = { folder, port: await freePort() };
  return firstThatStarts("The second stand-in for MongoDB", [
    { name: "SecantusDB's server in Python, from PyPI", start: () => secantusInPython(place) },
  ]);
}

/** The server that somebody else has started; rejects when it does not answer. */
export async function mongoAt(url: string): Promise<Database> {
  const identity = await identityOf(url).catch((cause: unknown) => {
    throw new Error(`MongoDB does not answer at the address in MONGODB_URL: ${String(cause)}`, { cause });
  });
  return { url, ...nameOf(identity, identity.secantus ?? "", "MONGODB_URL") };
}

async function inDocker({ port }: Place): Promise<MongoDb> {
  const url = urlOf(port);
  const command = ["mongod", "--bind_ip_all", ...mongodArguments(port)];
  const server = await startContainer({ image: IMAGE, command, environment: {}, port, isReady: () => isPrimary(url) });
  return { ...server, url, ...nameOf(await identityOf(url), "", "Docker") };
}

async function mongodAt(path: string, source: string, place: Place): Promise<MongoDb> {
  const args = ["--bind_ip", "127.0.0.1", "--dbpath", await dataFolder(place), ...mongodArguments(place.port)];
  return ownServer({ command: path, args, place, source });
}

async function dataFolder({ folder }: Place): Promise<string> {
  const data = join(folder, "mongodb");
  await mkdir(data, { recursive: true });
  return data;
}

function mongodArguments(port: number): string[] {
  const limits = ["--wiredTigerCacheSizeGB", String(CACHE_GB), "--setParameter", "transactionLifetimeLimitSeconds=30"];
  return ["--port", String(port), "--replSet", REPLICA_SET, ...limits];
}

const RUST_VERSION = "0.6.0b17";
const PYTHON_VERSION = "0.7.0b3";

async function secantusInRust(place: Place): Promise<MongoDb> {
  const packages = await pythonPackages(`secantusdb-${RUST_VERSION}`, ["--no-deps", `SecantusDB==${RUST_VERSION}`]);
  const command = join(packages, "secantusdb.scripts/secantusd-rs");
  const args = [...(await secantusArguments(place)), "--log-file-max", "128MB"];
  return ownServer({ command, args, place, source: "Rust server", version: RUST_VERSION });
}

async function secantusInPython(place: Place): Promise<MongoDb> {
  const packages = await pythonPackages(`secantusdb-${PYTHON_VERSION}`, [`SecantusDB==${PYTHON_VERSION}`]);
  const args = [join(packages, "bin/secantusd-py"), ...(await secantusArguments(place))];
  const environment = { PYTHONPATH: packages };
  return ownServer({ command: "python3", args, environment, place, source: "Python server", version: PYTHON_VERSION });
}

async function secantusArguments(place: Place): Promise<string[]> {
  const data = await dataFolder(place);
  return ["--port", String(place.port), "--storage-path", data, "--cache-size", `${CACHE_GB}G`, "--log-level", "WARNING"];
}

interface OwnServer {
  command: string;
  args: readonly string[];
  environment?: Environment;
  place: Place;
  source: string;
  /** Of the package, where it is SecantusDB: its servers call themselves by other versions. */
  version?: string;
}

async function ownServer({ command, args, environment = {}, place, source, version = "" }: OwnServer): Promise<MongoDb> {
  const url = urlOf(place.port);
  const log = join(place.folder, "mongodb.log");
  const server = await startProcess({ command, args, environment, log, isReady: () => isPrimary(url) });
  return { ...server, url, ...nameOf(await identityOf(url), version, source) };
}

function urlOf(port: number): string {
  return `mongodb://127.0.0.1:${port}/?directConnection=true`;
}

const LOOK_LIMIT_MS = 3_000;
const LOOK_LIMITS = { serverSelectionTimeoutMS: LOOK_LIMIT_MS, connectTimeoutMS: LOOK_LIMIT_MS, socketTimeoutMS: LOOK_LIMIT_MS };

/** Also makes a `mongod` that is in no replica set yet the only member of one. */
async function isPrimary(url: string): Promise<boolean> {
  const client = new MongoClient(url, LOOK_LIMITS);
  try {
    const admin = client.db("admin");
    const hello = await admin.command({ hello: 1 });
    if (hello["isreplicaset"] === true) {
      const host = client.options.hosts.map(String).join();
      await admin.command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } });
    }
    return hello["isWritablePrimary"] === true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}

/** What a server says of itself. */
interface Identity {
  /** The version of MongoDB that it is, or speaks like. */
  mongo: string;
  /** Its own version, where it is SecantusDB. */
  secantus: string | null;
}

async function identityOf(url: string): Promise<Identity> {
  const client = new MongoClient(url, LOOK_LIMITS);
  try {
    const info: Record<string, unknown> = await client.db("admin").command({ buildInfo: 1 });
    const secantus = info["secantusVersion"];
    return { mongo: String(info["version"]), secantus: typeof secantus === "string" ? secantus : null };
  } finally {
    await client.close();
  }
}

function nameOf({ mongo, secantus }: Identity, version: string, source: string): Pick<Database, "name" | "isStandIn"> {
  if (secantus === null) return { name: `MongoDB ${mongo} (${source})`, isStandIn: false };
  return { name: `SecantusDB ${version} (${source}, a stand-in for MongoDB, speaks ${mongo})`, isStandIn: true };
}
