import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { AppError } from "@mini-crm/core/app-error";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../system-clock/system-clock.ts";
import type { Drain } from "./drain.ts";
import { type Inbox, type InboxOptions, openInbox } from "./inbox.ts";

const PROGRAM = fileURLToPath(new URL("./test-process.ts", import.meta.url));

let folder: string;
let file: string;
const children: ChildProcess[] = [];
const drains: Drain[] = [];
const inboxes: Inbox<string>[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "inbox-"));
  file = join(folder, "inbox.db");
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  for (const drain of drains.splice(0)) await drain.close();
  for (const inbox of inboxes.splice(0)) await inbox.close();
  rmSync(folder, { recursive: true });
});

let opened = 0;
function open(changes: Partial<InboxOptions> = {}): Inbox<string> {
  opened += 1;
  const inbox = openInbox<string>({ file, clock: systemClock(), owner: `inbox-${opened}`, ...changes });
  inboxes.push(inbox);
  return inbox;
}

/** Drains `inbox`, and notes what comes; `obstacle` may throw. */
function collect(inbox: Inbox<string>, obstacle: (entries: readonly string[]) => void | Promise<void> = () => undefined) {
  const delivered: string[] = [];
  const errors: unknown[] = [];
  const deliver = async (entries: readonly string[]) => {
    await obstacle(entries);
    delivered.push(...entries);
  };
  const drain = inbox.drain(deliver, (error) => errors.push(error));
  drains.push(drain);
  return { delivered, errors, drain };
}

/** Far more time than is ever needed, on a machine that does other things. */
const WAIT = { timeout: 15_000 };
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));
const once = (entries: readonly string[]) => [...new Set(entries)];

function startProcess(name: string, does: "adds" | "delivers" | "both") {
  const child = spawn(process.execPath, [PROGRAM, file, name, does], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const [added, delivered]: [string[], string[]] = [[], []];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [verb, entry = ""] = line.split(" ");
    if (verb === "added") added.push(entry);
    if (verb === "delivered") delivered.push(entry);
  });
  return { child, added, delivered };
}

/** Kills a process as a power cut would; resolves when it is gone and all that it said has been read. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await gone;
}

const byNumber = (a: string, b: string) => Number(a.split("-").at(-1)) - Number(b.split("-").at(-1));

describe("what was added", () => {
  test("is delivered in its order, and does not wait any more then", async () => {
    const inbox = open();
    const { delivered } = collect(inbox);
    await Promise.all(numbers(50).map((entry) => inbox.add(entry)));
    for (const entry of ["50", "51", "52"]) await inbox.add(entry);
    await expect.poll(() => inbox.waiting(), WAIT).toBe(0);
    expect(delivered).toEqual(numbers(53));
  });

  test("waits in the file until somebody drains it, also another process later", async () => {
    const earlier = open();
    for (const entry of numbers(450)) void earlier.add(entry);
    await expect.poll(() => earlier.waiting(), WAIT).toBe(450);
    await earlier.close();
    inboxes.pop();

    const later = open();
    expect(await later.waiting()).toBe(450);
    const { delivered } = collect(later);
    await expect.poll(() => later.waiting(), WAIT).toBe(0);
    expect(delivered).toEqual(numbers(450));
  });

  test("is delivered after a kill -9 by whoever comes next, nothing lost and in its order", async () => {
    const { child, added } = startProcess("a", "adds");
    await vi.waitFor(() => expect(added.length).toBeGreaterThan(200), WAIT);
    await kill(child);

    const { delivered } = collect(open());
    await vi.waitFor(() => expect(delivered).toEqual(expect.arrayContaining(added)), WAIT);
    expect(delivered).toEqual([...delivered].sort(byNumber));
    expect(once(delivered)).toEqual(delivered);
  });

  test("is delivered where the process that delivered is killed in the middle, what it had in hand once more", async () => {
    const { child, added, delivered: byTheFirst } = startProcess("a", "both");
    await vi.waitFor(() => expect(byTheFirst.length).toBeGreaterThan(200), WAIT);
    await kill(child);

    const { delivered } = collect(open());
    await vi.waitFor(() => expect([...byTheFirst, ...delivered]).toEqual(expect.arrayContaining(added)), WAIT);
    const all = once([...byTheFirst, ...delivered]);
    expect(all).toEqual([...all].sort(byNumber));
  });
});

describe("processes that share a file", () => {
  test("deliver all that each has added, in its order, and one of them at a time", async () => {
    const others = ["a", "b"].map((name) => startProcess(name, "both"));
    await vi.waitFor(() => {
      for (const { added } of others) expect(added.length).toBeGreaterThan(150);
    }, WAIT);
    await Promise.all(others.map(({ child }) => kill(child)));
    const { delivered } = collect(open());
    const added = others.flatMap((other) => other.added);
    const all = () => [...others.flatMap((other) => other.delivered), ...delivered];
    await vi.waitFor(() => expect(all()).toEqual(expect.arrayContaining(added)), WAIT);
    for (const { delivered: own } of [...others, { delivered }]) {
      for (const name of ["a", "b"]) {
        const ofName = own.filter((entry) => entry.startsWith(name));
        expect(ofName).toEqual([...ofName].sort(byNumber));
      }
    }
    // Only what was in hand when they died may come twice.
    expect(all().length - once(all()).length).toBeLessThanOrEqual(400);
  });

  test("take over at once from one that stops in order", async () => {
    const [first, second] = [open(), open()];
    const { drain } = collect(first);
    await first.add("0");
    await expect.poll(() => first.waiting(), WAIT).toBe(0);
    await drain.close();
    const { delivered } = collect(second);
    await first.add("1");
    await expect.poll(() => delivered, { timeout: 5_000 }).toEqual(["1"]);
  });

  test("leave a turn to whoever has it, until it ends", async () => {
    let passedMs = 0;
    const own = systemClock();
    const turned = { ...own, now: () => own.now() + passedMs };
    const [frozen, other] = [open(), open({ clock: turned })];
    await frozen.add("0");
    let wakeUp = () => undefined as void;
    const asleep = new Promise<void>((resolve) => (wakeUp = resolve));
    const late = collect(frozen, () => asleep);
    await expect.poll(() => turnOf(file), WAIT).not.toBeNull();
    const { delivered, drain } = collect(other);
    await other.add("1");
    // Asked after the drain, which was woken by that, has asked what it may take.
    for (let looks = 0; looks < 3; looks += 1) expect(await other.waiting()).toBe(2);
    expect(delivered).toEqual([]);
    passedMs = 3_100;
    await expect.poll(() => delivered, WAIT).toEqual(["0", "1"]);
    await drain.close();
    await other.add("2");
    wakeUp();
    // What it had in hand has been taken out by the other: it takes nothing out in its place.
    await expect.poll(() => late.delivered, WAIT).toEqual(["0", "2"]);
    await expect.poll(() => other.waiting(), WAIT).toBe(0);
  });
});

function turnOf(of: string): unknown {
  const db = new DatabaseSync(of, { readOnly: true });
  const turn = db.prepare("SELECT owner FROM turn").get()?.["owner"] ?? null;
  db.close();
  return turn;
}

describe("while nobody can be delivered to", () => {
  test("everything waits, is tried again, and then goes in its order", async () => {
    const inbox = open();
    let isAway = true;
    const { delivered, errors } = collect(inbox, () => {
      if (isAway) throw new AppError("BUS_UNAVAILABLE", "gone", { retryable: true });
    });
    for (const entry of numbers(10)) await inbox.add(entry);
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(4), WAIT);
    expect([delivered, await inbox.waiting()]).toEqual([[], 10]);
    isAway = false;
    await expect.poll(() => inbox.waiting(), WAIT).toBe(0);
    expect(delivered).toEqual(numbers(10));
  });

  test("closing takes no longer than a try, and leaves what waits", async () => {
    const inbox = open();
    const { drain } = collect(inbox, () => {
      throw new AppError("BUS_UNAVAILABLE", "gone", { retryable: true });
    });
    await inbox.add("0");
    await drain.close();
    expect([await inbox.waiting(), turnOf(file)]).toEqual([1, null]);
  });

  test("no more is taken than there is room for, and what does not fit is refused whole", async () => {
    const inbox = open({ mostWaiting: 3 });
    for (const entry of numbers(3)) await inbox.add(entry);
    await expect(inbox.add("3")).rejects.toMatchObject({ code: "INBOX_FULL", retryable: true });
    const { delivered } = collect(inbox);
    await expect.poll(() => inbox.waiting(), WAIT).toBe(0);
    await inbox.add("4");
    await expect.poll(() => delivered, WAIT).toEqual(["0", "1", "2", "4"]);
  });
});

test("what is added before the close is delivered before its end", async () => {
  const inbox = open();
  const { delivered, drain } = collect(inbox);
  await Promise.all(numbers(300).map((entry) => inbox.add(entry)));
  await drain.close();
  expect([delivered, await inbox.waiting()]).toEqual([numbers(300), 0]);
});

test("an entry that cannot be delivered is laid aside with the reason, and holds up nothing else", async () => {
  const inbox = open();
  for (const entry of numbers(8)) await inbox.add(entry);
  const { delivered } = collect(inbox, (entries) => {
    if (entries.includes("5")) throw new TypeError("no 5");
  });
  await expect.poll(() => inbox.waiting(), WAIT).toBe(0);
  expect(delivered).toEqual(numbers(8).filter((entry) => entry !== "5"));
  const db = new DatabaseSync(file, { readOnly: true });
  expect(db.prepare("SELECT body, reason FROM laid_aside").all()).toEqual([{ body: '"5"', reason: "no 5" }]);
  db.close();
});

test("there is no file before the first entry", async () => {
  const inbox = open();
  const { drain } = collect(inbox);
  expect(await inbox.waiting()).toBe(0);
  await drain.close();
  expect(existsSync(file)).toBe(false);
});
