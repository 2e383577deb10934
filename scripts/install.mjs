/** Brings node_modules in line with package-lock.json, once, however many processes ask for it at the same time. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
/** The Node that package.json pins. The one that runs this file may be older and know no TypeScript. */
export const runtime = join(root, "node_modules/node/bin/node");

const lock = join(root, ".install-lock");
const waitForOthersMs = 15 * 60_000;

/** Returns when everything is installed; throws an Error that tells a person what to do. The abort signal ends npm. */
export async function installMissing(abort) {
  if (isInstalled()) return;
  await acquireLock(abort);
  try {
    if (!isInstalled()) await install(abort);
  } finally {
    releaseLock();
  }
}

/** npm's last step of an installation, its own or a person's, is to write what it installed to a lockfile in node_modules. */
function isInstalled() {
  const record = join(root, "node_modules/.package-lock.json");
  if (!existsSync(runtime) || !existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (!path.includes("node_modules/")) return true;
    return installed[path] ? installed[path].version === version : optional;
  });
}

async function install(abort) {
  console.error("mini-crm: installing what package-lock.json lists; the first time takes about a minute");
  const { code, output } = await npm(["ci", "--include=dev", "--no-audit", "--no-fund", "--fetch-retry-maxtimeout=10000"], abort);
  if (abort.aborted) throw new Error("the installation was stopped; the next start begins it again");
  if (code !== 0) throw new Error(`${output}\n${whyNpmFailed(output)}`);
  if (existsSync(runtime)) return;
  throw new Error(
    "npm installed the packages but not the Node they need, because it ran no install scripts. " +
      "Run `npm rebuild node --ignore-scripts=false`, then start again.",
  );
}

function whyNpmFailed(output) {
  const [unreachable] = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)\b/.exec(output) ?? [];
  return unreachable
    ? `npm could not reach its registry (${unreachable}). Connect this machine to it, or name a mirror with \`npm config set registry URL\`, then start again.`
    : "npm could not install the packages; its own words are above. It needs to be npm 10 or later.";
}

/** What npm prints is collected: it matters only when npm fails. */
function npm(args, abort) {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", args, { cwd: root, env: environmentForNpm(), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    // npm outlives a `kill -9` of this process, and then still owns the lock.
    if (child.pid) own(lock, child.pid);
    abort.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    child.once("error", (cause) => reject(new Error(`npm could not be started: ${cause.message}`, { cause })));
    child.once("close", (code) => resolve({ code, output }));
  });
}

/**
 * The npm around this process may stand in one workspace and has put the Node that is about to be replaced first on the PATH;
 * the installation is for all workspaces and runs on the machine's own Node.
 */
function environmentForNpm() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.endsWith(join("node_modules", ".bin")));
  return { ...process.env, PATH: folders.join(delimiter), npm_config_workspace: undefined, npm_config_workspaces: undefined };
}

/**
 * The lock is a directory with a file for each process that owns it, named by its id. A rename brings it into being with the
 * first file inside, and succeeds only over a missing or an empty directory: so anybody may remove a dead owner's file at
 * any moment without taking the lock from a living one.
 */
async function acquireLock(abort) {
  const mine = `${lock}-${process.pid}`;
  mkdirSync(mine, { recursive: true });
  own(mine, process.pid);
  const deadline = Date.now() + waitForOthersMs;
  let isWaiting = false;
  try {
    while (!tryRename(mine, lock)) {
      if (abort.aborted) throw new Error("stopped while another process was installing");
      if (Date.now() > deadline) throw new Error(`another process has been installing for too long; if none is, delete ${lock}`);
      if (removeDeadOwners()) continue;
      if (!isWaiting) console.error("mini-crm: another process is installing; waiting for it");
      isWaiting = true;
      await sleep(200);
    }
  } finally {
    rmSync(mine, { recursive: true, force: true });
  }
}

function releaseLock() {
  rmSync(join(lock, String(process.pid)), { force: true });
  removeDeadOwners();
  ignoring(["ENOENT", "ENOTEMPTY"], () => rmdirSync(lock));
}

function own(directory, pid) {
  writeFileSync(join(directory, String(pid)), "");
}

function removeDeadOwners() {
  const owners = ignoring(["ENOENT"], () => readdirSync(lock)) ?? [];
  const dead = owners.filter((pid) => !isAlive(Number(pid)));
  for (const pid of dead) rmSync(join(lock, pid), { force: true });
  return dead.length > 0;
}

function tryRename(from, to) {
  return ignoring(["ENOTEMPTY", "EEXIST"], () => {
    renameSync(from, to);
    return true;
  });
}

function isAlive(pid) {
  return ignoring(["ESRCH"], () => process.kill(pid, 0));
}

/** The action's result, or undefined where it failed with one of the expected codes. */
function ignoring(codes, action) {
  try {
    return action();
  } catch (error) {
    if (codes.includes(error.code)) return undefined;
    throw error;
  }
}
