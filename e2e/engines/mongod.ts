/** Owns where MongoDB's own server comes from without Docker: an installed one, or MongoDB's download for this system. */
import { createWriteStream, existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseEnv } from "node:util";
import { run } from "./children.ts";
import { installed } from "./install.ts";

/** What is downloaded, and what runs in Docker. */
export const MONGODB_VERSION = "8.0.30";

/** The path of the `mongod` that MONGOMS_SYSTEM_BINARY names, or else of the one on PATH. */
export async function installedMongod(): Promise<string> {
  const named = process.env["MONGOMS_SYSTEM_BINARY"];
  if (named !== undefined && !existsSync(named)) throw new Error(`MONGOMS_SYSTEM_BINARY names ${named}, which is not there`);
  const path = named ?? "mongod";
  await run(path, ["--version"], ANSWER_LIMIT_MS);
  return path;
}

const ANSWER_LIMIT_MS = 10_000;
const DOWNLOAD_LIMIT_MS = 300_000;
const UNPACK_LIMIT_MS = 60_000;

/** Resolves to its path. Connecting takes ten seconds at most; Node's `fetch` gives up then. */
export async function downloadedMongod(): Promise<string> {
  const build = `mongodb-linux-${await systemName()}-${MONGODB_VERSION}`;
  const folder = await installed(build, async (filling) => {
    const address = `https://fastdl.mongodb.org/linux/${build}.tgz`;
    const archive = join(filling, "archive.tgz");
    await download(address, archive);
    await run("tar", ["-xzf", archive, "-C", filling, "--strip-components=2", `${build}/bin/mongod`], UNPACK_LIMIT_MS);
    await rm(archive);
  });
  return join(folder, "mongod");
}

async function download(address: string, file: string): Promise<void> {
  const signal = AbortSignal.timeout(DOWNLOAD_LIMIT_MS);
  const response = await fetch(address, { signal }).catch((cause: Error) => {
    throw new Error(`${address} cannot be reached: ${cause.cause instanceof Error ? cause.cause.message : cause.message}`, {
      cause,
    });
  });
  if (!response.ok || response.body === null) throw new Error(`${address} answered ${response.status}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(file), { signal });
}

/** The systems that MongoDB builds for, as its archives call them; newer ones run what was built for those before. */
const SYSTEMS: Readonly<Record<string, string>> = {
  "x64 debian 12": "x86_64-debian12",
  "x64 debian 13": "x86_64-debian12",
  "x64 ubuntu 22.04": "x86_64-ubuntu2204",
  "x64 ubuntu 24.04": "x86_64-ubuntu2404",
  "arm64 ubuntu 22.04": "aarch64-ubuntu2204",
  "arm64 ubuntu 24.04": "aarch64-ubuntu2404",
};

async function systemName(): Promise<string> {
  const release = parseEnv(await readFile("/etc/os-release", "utf8").catch(() => ""));
  const system = `${process.arch} ${release["ID"] ?? process.platform} ${release["VERSION_ID"] ?? ""}`.trim();
  const name = SYSTEMS[system];
  if (name === undefined) throw new Error(`no download is known for ${system}, only for ${Object.keys(SYSTEMS).join(", ")}`);
  return name;
}
