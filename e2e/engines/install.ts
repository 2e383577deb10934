/** Owns what engines need on this machine: programs of the system, and a cache of what was fetched, which `npm ci` empties. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./children.ts";

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/mini-crm-engines", import.meta.url));

/**
 * The folder `name` of the cache. Where it is missing, `fill` is given a folder to put everything in, which takes the name only
 * when it is complete; the files in it must not know where they lie.
 */
export async function installed(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const filling = await mkdtemp(join(CACHE, `.${name}-`));
  try {
    await fill(filling);
    // Another process may have been faster; what it has put there is as good.
    await rename(filling, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(filling, { recursive: true, force: true });
  }
  return folder;
}

/** Of Maven's `dependency:copy-dependencies`; later ones need a later Maven than Debian's. */
const COPY_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const FETCH_LIMIT_MS = 300_000;

/** A folder with every jar that the Maven project in the file `pom` depends on. */
export async function jarsOf(pom: string): Promise<string> {
  const content = await readFile(pom);
  return installed(`jars-${createHash("sha256").update(content).digest("hex").slice(0, 12)}`, async (folder) => {
    await needProgram("mvn", ["maven"]);
    const args = ["--batch-mode", "--quiet", "--file", pom, COPY_DEPENDENCIES, `-DoutputDirectory=${folder}`];
    await run("mvn", args, FETCH_LIMIT_MS);
  });
}

/** A folder with what the Python package index has under `requirements`, which need no virtual environment there. */
export async function pythonPackages(name: string, requirements: readonly string[]): Promise<string> {
  return installed(name, async (folder) => {
    await needProgram("python3", ["python3", "python3-pip"]);
    const quietly = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--no-compile"];
    await run("python3", ["-m", "pip", "install", ...quietly, "--target", folder, ...requirements], FETCH_LIMIT_MS);
  });
}

/** Rejects when `program` is missing and this process may not install Debian's `packages`, which have it. */
export async function needProgram(program: string, packages: readonly string[]): Promise<void> {
  if (await hasProgram(program)) return;
  if (process.getuid?.() !== 0 || !(await hasProgram("apt-get"))) {
    throw new Error(`${program} is missing; install ${packages.join(" and ")}`);
  }
  const settings = { DEBIAN_FRONTEND: "noninteractive" };
  const patiently = ["-o", "DPkg::Lock::Timeout=120"];
  await run("apt-get", [...patiently, "update"], FETCH_LIMIT_MS, settings);
  await run("apt-get", [...patiently, "install", "--yes", "--no-install-recommends", ...packages], FETCH_LIMIT_MS, settings);
}

async function hasProgram(program: string): Promise<boolean> {
  const found = run("sh", ["-c", 'command -v "$1"', "sh", program], 5_000);
  return found.then(
    () => true,
    () => false,
  );
}
