import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { plainText } from "@mini-crm/core/message/content";
import type { OutgoingMessage } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "../system-clock/system-clock.ts";
import { createSimulator, type Simulator } from "./simulator.ts";

const PROGRAM = fileURLToPath(new URL("./test-sender.ts", import.meta.url));

let folder: string;
let file: string;
const children: ChildProcess[] = [];
const simulators: Simulator[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "simulator-"));
  file = join(folder, "outbox.db");
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  for (const simulator of simulators.splice(0)) {
    await simulator.stop();
    simulator.close();
  }
  rmSync(folder, { recursive: true });
});

/** A process that sends, and everything that it said. */
function startSender(name: string, hears: "hears" | "deaf") {
  const child = spawn(process.execPath, [PROGRAM, file, name, hears], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const accepted: string[] = [];
  const heard: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const [verb, id = ""] = line.split(" ");
    (verb === "accepted" ? accepted : heard).push(id);
  });
  return { child, accepted, heard };
}

/** Kills a process as a power cut would; resolves when it is gone and everything that it said has been read. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => {
    child.once("close", resolve);
  });
  child.kill("SIGKILL");
  await gone;
}

function plain(messageId: string): OutgoingMessage {
  return { messageId, to: "+49", ...plainText("Hi") };
}

function open(): { simulator: Simulator; heard: Set<string> } {
  const simulator = createSimulator({ file, clock: systemClock(), seed: 1 });
  simulators.push(simulator);
  const heard = new Set<string>();
  simulator.onReceipts(async (receipts) => {
    for (const { messageId } of receipts) heard.add(messageId);
  });
  return { simulator, heard };
}

function everythingLeft(simulator: Simulator): string[] {
  const ids: string[] = [];
  for (let page = 1; ids.length < simulator.outbox({ page: 1, limit: 1 }).total; page += 1) {
    ids.push(...simulator.outbox({ page, limit: 1_000 }).items.map(({ message_id }) => message_id));
  }
  return ids;
}

function missing(ids: readonly string[], among: readonly string[]): string[] {
  const known = new Set(among);
  return ids.filter((id) => !known.has(id));
}

test("what was accepted before a kill -9 has left, once, and its receipts come after the restart", async () => {
  const sender = startSender("a", "deaf");
  await vi.waitFor(() => expect(sender.accepted.length).toBeGreaterThan(500), { timeout: 10_000 });
  await kill(sender.child);

  const { simulator, heard } = open();
  const left = everythingLeft(simulator);
  expect(new Set(left).size).toBe(left.length);
  expect(simulator.sentMoreThanOnce()).toBe(0);
  expect(missing(sender.accepted, left)).toEqual([]);
  await simulator.start();
  await vi.waitFor(() => expect(heard.size).toBe(left.length), { timeout: 10_000 });
});

test("receipts that a killed process was about to hand over are handed over by the next one", async () => {
  const sender = startSender("a", "hears");
  await vi.waitFor(() => expect(sender.heard.length).toBeGreaterThan(200), { timeout: 10_000 });
  await kill(sender.child);

  const { simulator, heard } = open();
  const left = everythingLeft(simulator);
  await simulator.start();
  await vi.waitFor(() => expect(new Set([...sender.heard, ...heard]).size).toBe(left.length), { timeout: 10_000 });
});

test("two processes share a file: both send, and one hands over the receipts of both until it dies", async () => {
  const one = startSender("one", "hears");
  const two = startSender("two", "hears");
  const heardOf = (name: string) => [...one.heard, ...two.heard].filter((id) => id.startsWith(`${name}-`)).length;
  await vi.waitFor(
    () => {
      expect(heardOf("one")).toBeGreaterThan(100);
      expect(heardOf("two")).toBeGreaterThan(100);
    },
    { timeout: 10_000 },
  );
  const [courier, other] = one.heard.length > two.heard.length ? [one, two] : [two, one];
  expect(other.heard).toEqual([]);
  await kill(courier.child);
  await vi.waitFor(() => expect(other.heard.length).toBeGreaterThan(100), { timeout: 10_000 });
  await kill(other.child);

  const { simulator } = open();
  const left = everythingLeft(simulator);
  expect(new Set(left).size).toBe(left.length);
  expect(missing([...one.accepted, ...two.accepted], left)).toEqual([]);
});

test("a process that stops in order hands over to the next one at once", async () => {
  const first = open();
  const at = { fromMs: 0, toMs: 0 };
  first.simulator.behave({ latency: at, sentAfter: null, deliveredAfter: at, readShare: 0 });
  await first.simulator.start();
  await first.simulator.send(plain("one"));
  await vi.waitFor(() => expect(first.heard).toContain("one"));

  const second = open();
  await second.simulator.start();
  await first.simulator.send(plain("two"));
  await vi.waitFor(() => expect(first.heard).toContain("two"));
  expect(second.heard).toEqual(new Set());
  await first.simulator.stop();
  second.simulator.behave({ latency: at, sentAfter: null, deliveredAfter: at });
  await second.simulator.send(plain("three"));
  // Sooner than an appointment that was not ended.
  await vi.waitFor(() => expect(second.heard).toContain("three"), { timeout: 2_000 });
});
