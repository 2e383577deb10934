import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { plainText } from "@mini-crm/core/message/content";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import type { InboundText, OutgoingMessage, Receipt, SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, describe, expect, test } from "vitest";
import type { SimulatorBehaviour } from "./behaviour.ts";
import { openOutbox } from "./outbox.ts";
import { createSimulator, simulatorOn } from "./simulator.ts";
import type { FailureOf } from "./transit.ts";

const AT_ONCE = { fromMs: 0, toMs: 0 };
const MINUTE_MS = 60_000;

/** A message with nothing but its text. */
function plain(messageId: string, to = "+49", text = "Hi"): OutgoingMessage {
  return { messageId, to, ...plainText(text) };
}

const opened: { stop(): Promise<void>; close(): void }[] = [];
afterEach(async () => {
  for (const simulator of opened.splice(0)) {
    await simulator.stop();
    simulator.close();
  }
});

function setup(behaviour: Partial<SimulatorBehaviour> = {}, { seed = 1, start = Date.UTC(2025, 0, 15, 12) } = {}) {
  const clock = virtualClock({ start });
  const simulator = createSimulator({ file: ":memory:", clock, seed, behaviour });
  opened.push(simulator);
  /** What was heard, when, and in which batch. */
  const heard: { receipt: Receipt; at: number; batch: number }[] = [];
  let batches = 0;
  simulator.onReceipts(async (receipts) => {
    batches += 1;
    for (const receipt of receipts) heard.push({ receipt, at: clock.now() - start, batch: batches });
  });
  const texts: { text: InboundText; at: number }[] = [];
  simulator.onTexts(async (batch) => {
    for (const text of batch) texts.push({ text, at: clock.now() });
  });
  return {
    clock,
    simulator,
    heard,
    /** What people wrote, and when that was heard. */
    texts,
    async send(ids: readonly string[], to = "+4915112345678"): Promise<{ id: string; answer: SendAnswer; afterMs: number }[]> {
      const sentAt = clock.now();
      const answers: { id: string; answer: SendAnswer; afterMs: number }[] = [];
      for (const id of ids) {
        void simulator.send(plain(id, to, `text of ${id}`)).then((answer) => {
          return answers.push({ id, answer, afterMs: clock.now() - sentAt });
        });
      }
      for (let waited = 0; answers.length < ids.length && waited < 3_600; waited += 1) await clock.advance(1_000);
      return answers;
    },
    left: () => simulator.outbox({ page: 1, limit: 10_000 }).items.map(({ message_id }) => message_id),
    statusesOf: (id: string) => heard.filter(({ receipt }) => receipt.messageId === id).map(({ receipt }) => receipt.status),
  };
}

function messageIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `65a4b4eaf123456789de0001${String(index).padStart(24, "0")}`);
}

describe("a seed", () => {
  const MIXED: Partial<SimulatorBehaviour> = {
    hangShare: 0.1,
    cutShare: 0.1,
    retryableShare: 0.1,
    undeliverableShare: 0.1,
    doubledShare: 0.2,
    lateShare: 0.2,
    shuffledShare: 0.2,
  };

  /** Everything that happened to each message, whatever happened to the others. */
  async function fates(messages: readonly string[], seed: number) {
    const { simulator, clock, send, heard } = setup(MIXED, { seed });
    await simulator.start();
    const answers = await send(messages);
    await clock.advance(20 * MINUTE_MS);
    return Object.fromEntries(
      answers.map(({ id, answer, afterMs }) => {
        const receipts = heard.filter(({ receipt }) => receipt.messageId === id);
        return [
          id,
          { answer, afterMs, receipts: receipts.map(({ receipt, at }) => `${receipt.status} ${receipt.at} ${at}`).sort() },
        ];
      }),
    );
  }

  test("repeats a run, in whatever order the messages are sent", async () => {
    const messages = messageIds(200);
    const first = await fates(messages, 1);
    expect(await fates([...messages].reverse(), 1)).toEqual(first);
    const [one = ""] = messages;
    expect((await fates([one], 1))[one]?.answer).toEqual(first[one]?.answer);
  });

  test("is another run than that of another seed", async () => {
    const messages = messageIds(50);
    expect(await fates(messages, 1)).not.toEqual(await fates(messages, 2));
  });

  test("gives the device its identifier", () => {
    const { simulator } = setup({}, { seed: 5 });
    expect(simulator.health()).toMatchObject({
      deviceId: expect.stringMatching(/^3EB0[0-9A-F]{12}$/),
      userName: "Mini CRM System",
    });
    expect(setup({}, { seed: 6 }).simulator.health().deviceId).not.toBe(simulator.health().deviceId);
  });
});

describe("unless told otherwise", () => {
  test("it answers, delivers and is read as people's phones do", async () => {
    const { simulator, clock, heard } = setup();
    await simulator.start();
    const messages = messageIds(1_000);
    const start = clock.now();
    const answeredAfterMs: number[] = [];
    for (const messageId of messages) {
      void simulator.send(plain(messageId, "+4915112345678")).then(() => answeredAfterMs.push(clock.now() - start));
    }
    await clock.advance(250);
    expect(answeredAfterMs).toHaveLength(1_000);
    expect(Math.min(...answeredAfterMs)).toBeGreaterThanOrEqual(50);

    await clock.advance(3_000);
    const sentAt = new Map(simulator.outbox({ page: 1, limit: 1_000 }).items.map(({ message_id, at }) => [message_id, at]));
    const waits = (status: Receipt["status"]) =>
      heard
        .filter(({ receipt }) => receipt.status === status)
        .map(({ receipt }) => receipt.at - (sentAt.get(receipt.messageId) ?? 0));
    const delivered = waits("DELIVERED");
    expect(delivered).toHaveLength(1_000);
    expect(Math.min(...delivered)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...delivered)).toBeLessThanOrEqual(2_000);
    expect(waits("READ")).toEqual([]);

    await clock.advance(20 * MINUTE_MS);
    const read = waits("READ");
    // 800 are expected; five standard deviations are 63.
    expect(Math.abs(read.length - 800)).toBeLessThan(63);
    expect(Math.min(...read)).toBeGreaterThanOrEqual(2 * MINUTE_MS);
    expect(Math.max(...read)).toBeLessThanOrEqual(15 * MINUTE_MS);
  });

  test("a receipt is handed over after it happened, by at most a quarter of the wait and the gap between batches", async () => {
    const { simulator, clock, send, heard } = setup({ latency: AT_ONCE });
    await simulator.start();
    await send(messageIds(300));
    await clock.advance(20 * MINUTE_MS);
    const [sent] = simulator.outbox({ page: 1, limit: 1 }).items;
    const start = sent?.at ?? 0;
    expect(heard.length).toBeGreaterThan(600);
    for (const { receipt, at } of heard) {
      const happenedAfterMs = receipt.at - start;
      expect(at).toBeGreaterThanOrEqual(happenedAfterMs);
      expect(at).toBeLessThanOrEqual(happenedAfterMs * 1.25 + 11);
    }
  });
});

describe("what can go wrong", () => {
  test("numbers that are not on WhatsApp are refused for good", async () => {
    const { simulator, send, left } = setup({ notOnWhatsApp: ["+4930111", "+1999*"] });
    await simulator.start();
    const [one = "", two = "", three = ""] = messageIds(3);
    const refusal = { kind: "permanent", scope: "recipient", code: "131026", reason: "This number is not on WhatsApp" };
    expect(await send([one], "+4930111")).toMatchObject([{ answer: refusal }]);
    expect(await send([two], "+19995550100")).toMatchObject([{ answer: refusal }]);
    expect(await send([three], "+49301112")).toMatchObject([{ answer: { kind: "accepted" } }]);
    expect(left()).toEqual([three]);
  });

  test("a share of all numbers is not on WhatsApp, the same ones for checks and sends", async () => {
    const { simulator, send } = setup({ notOnWhatsAppShare: 0.3 });
    await simulator.start();
    const phones = Array.from({ length: 100 }, (_, index) => `+49151000${String(index).padStart(3, "0")}`);
    const checked = await simulator.checkNumbers(phones);
    const registered = checked.filter((number) => number.registered).map(({ phone }) => phone);
    expect(registered.length).toBeGreaterThan(45);
    expect(registered.length).toBeLessThan(95);
    for (const [index, phone] of phones.slice(0, 20).entries()) {
      const [sent] = await send([`message ${index}`], phone);
      expect(sent?.answer.kind).toBe(registered.includes(phone) ? "accepted" : "permanent");
    }
  });

  test("busy numbers are refused for now, every time", async () => {
    const { simulator, send, left } = setup({ busyNumbers: ["+49*"] });
    await simulator.start();
    for (let time = 0; time < 3; time += 1) {
      expect(await send(["m"])).toMatchObject([
        { answer: { kind: "retryable", scope: "recipient", code: "131056", retryAfterMs: 6_000 } },
      ]);
    }
    expect(left()).toEqual([]);
  });

  test("a share of messages is refused for now, and accepted the next time", async () => {
    const { simulator, send, left } = setup({ retryableShare: 0.5 });
    await simulator.start();
    const messages = messageIds(100);
    const first = await send(messages);
    const refused = first.filter(({ answer }) => answer.kind === "retryable").map(({ id }) => id);
    expect(refused.length).toBeGreaterThan(25);
    expect(refused.length).toBeLessThan(75);
    expect(first.find(({ id }) => id === refused[0])?.answer).toMatchObject({ scope: "recipient", code: "131000" });
    const second = await send(refused);
    expect(new Set(second.map(({ answer }) => answer.kind))).toEqual(new Set(["accepted"]));
    expect(left().sort()).toEqual(messages);
  });

  test("a message that hangs has left, is unknown after its time, and is delivered", async () => {
    const { simulator, clock, send, left, statusesOf } = setup({ hangShare: 1, latency: { fromMs: 100, toMs: 100 } });
    await simulator.start();
    const answer = send(["m"]);
    await answer;
    expect(await answer).toEqual([{ id: "m", answer: { kind: "unknown", reason: "WhatsApp did not answer" }, afterMs: 60_100 }]);
    await clock.advance(3_000);
    expect(left()).toEqual(["m"]);
    expect(statusesOf("m").slice(0, 2)).toEqual(["SENT", "DELIVERED"]);
  });

  test("a message whose connection is cut has left, and nobody knows", async () => {
    const { simulator, send, left } = setup({ cutShare: 1 });
    await simulator.start();
    expect(await send(["m"])).toMatchObject([{ answer: { kind: "unknown" } }]);
    expect(left()).toEqual(["m"]);
  });

  test("stop does not wait for what hangs", async () => {
    const { simulator, clock, left } = setup({ hangShare: 1 });
    await simulator.start();
    const hanging = simulator.send(plain("left"));
    await clock.advance(1_000);
    const leaving = simulator.send(plain("leaving"));
    await simulator.stop();
    expect([await hanging, await leaving]).toMatchObject([{ kind: "unknown" }, { kind: "unknown" }]);
    expect(left()).toEqual(["left", "leaving"]);
  });

  test("while it is unreachable nothing leaves, no receipts come, and it says so", async () => {
    const { simulator, clock, send, left, heard } = setup({ latency: AT_ONCE });
    await simulator.start();
    await send(["before"]);
    const heardBefore = heard.length;
    simulator.behave({ unreachable: true });
    const since = clock.now();
    expect(await send(["during"])).toMatchObject([{ answer: { kind: "retryable", scope: "account", retryAfterMs: null } }]);
    await clock.advance(20 * MINUTE_MS);
    expect(left()).toEqual(["before"]);
    expect(heard).toHaveLength(heardBefore);
    expect(simulator.health()).toMatchObject({ state: "reconnecting", since, reason: "WhatsApp cannot be reached" });

    simulator.behave({ unreachable: false });
    expect(simulator.health()).toMatchObject({ state: "open", since: clock.now(), reason: null });
    await clock.advance(1_000);
    expect(heard.length).toBeGreaterThan(heardBefore);
  });

  test("an account that sends too fast is told how long to wait, and nothing leaves", async () => {
    const { simulator, send, left } = setup({ rateLimited: { retryAfterMs: 7_000 } });
    await simulator.start();
    expect(await send(["m"])).toMatchObject([
      { answer: { kind: "retryable", scope: "account", code: "130429", retryAfterMs: 7_000 } },
    ]);
    expect(left()).toEqual([]);
    simulator.behave({ rateLimited: null });
    expect(await send(["m"])).toMatchObject([{ answer: { kind: "accepted" } }]);
  });

  test("more than it can have under way is sent too fast", async () => {
    const { simulator, clock } = setup();
    await simulator.start();
    const sending = messageIds(50_001).map((messageId) => simulator.send(plain(messageId)));
    expect(await sending.at(-1)).toMatchObject({ kind: "retryable", scope: "account", code: "130429" });
    await clock.advance(250);
    expect(simulator.outbox({ page: 1, limit: 1 }).total).toBe(50_000);
  });

  test("a message that cannot be written down has not left", async () => {
    const { simulator, send } = setup();
    await simulator.start();
    simulator.close();
    opened.splice(0);
    expect(await send(["m"])).toMatchObject([{ answer: { kind: "retryable", scope: "account" } }]);
  });

  test("a share of accepted messages fails later", async () => {
    const { simulator, clock, send, statusesOf, heard } = setup({ undeliverableShare: 1 });
    await simulator.start();
    await send(["m"]);
    await clock.advance(20 * MINUTE_MS);
    expect(statusesOf("m")).toEqual(["SENT", "FAILED"]);
    expect(heard.at(-1)?.receipt).toMatchObject({ code: "131026", reason: "The message could not be delivered" });
  });
});

describe("receipts", () => {
  test("come twice for the doubled share, the second time later", async () => {
    const { simulator, clock, send, statusesOf } = setup({
      doubledShare: 1,
      readShare: 1,
      lateBy: { fromMs: 1_000, toMs: 2_000 },
    });
    await simulator.start();
    await send(["m"]);
    await clock.advance(20 * MINUTE_MS);
    expect(statusesOf("m").sort()).toEqual(["DELIVERED", "DELIVERED", "READ", "READ", "SENT", "SENT"]);
  });

  test("come late for the late share, and still say when it happened", async () => {
    const lateBy = { fromMs: 40 * MINUTE_MS, toMs: 50 * MINUTE_MS };
    const { simulator, clock, send, heard } = setup({ lateShare: 1, lateBy, latency: AT_ONCE });
    await simulator.start();
    await send(["m"]);
    await clock.advance(39 * MINUTE_MS);
    expect(heard).toEqual([]);
    await clock.advance(60 * MINUTE_MS);
    const delivered = heard.find(({ receipt }) => receipt.status === "DELIVERED");
    const [sent] = simulator.outbox({ page: 1, limit: 1 }).items;
    expect((delivered?.receipt.at ?? 0) - (sent?.at ?? 0)).toBeLessThanOrEqual(2_000);
  });

  test("come last one first for the shuffled share", async () => {
    const { simulator, clock, send, statusesOf } = setup({ shuffledShare: 1, readShare: 1 });
    await simulator.start();
    await send(["m"]);
    await clock.advance(20 * MINUTE_MS);
    expect(statusesOf("m")).toEqual(["READ", "DELIVERED", "SENT"]);
  });

  test("leave SENT out where WhatsApp gives none", async () => {
    const { simulator, clock, send, statusesOf } = setup({ sentAfter: null, readShare: 0 });
    await simulator.start();
    await send(["m"]);
    await clock.advance(MINUTE_MS);
    expect(statusesOf("m")).toEqual(["DELIVERED"]);
  });

  test("are handed over in batches, and all of them", async () => {
    const soon = { fromMs: 0, toMs: 5_000 };
    const { simulator, clock, send, heard } = setup({ latency: AT_ONCE, deliveredAfter: soon, readAfter: soon, readShare: 1 });
    await simulator.start();
    await send(messageIds(5_000));
    await clock.advance(20_000);
    expect(heard).toHaveLength(15_000);
    const sizes = [...Map.groupBy(heard, ({ batch }) => batch).values()].map((batch) => batch.length);
    expect(Math.max(...sizes)).toBeLessThan(1_500);
    expect(sizes.length).toBeLessThan(100);
  });

  test("come again with a growing pause while a listener rejects", async () => {
    const { simulator, clock, send } = setup({ latency: AT_ONCE, sentAfter: AT_ONCE, deliveredAfter: AT_ONCE, readShare: 0 });
    const tries: number[] = [];
    simulator.onReceipts(async () => {
      tries.push(clock.now());
      throw new Error("not now");
    });
    await simulator.start();
    await send(["m"]);
    await clock.advance(MINUTE_MS);
    const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    expect(pauses.slice(0, 8)).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000]);
  });
});

describe("what people write", () => {
  const AT_ONCE_DELIVERED = { latency: AT_ONCE, deliveredAfter: AT_ONCE };

  test("is heard at once, and when it can be reached again", async () => {
    const { simulator, clock, texts } = setup();
    await simulator.start();
    const { providerId } = simulator.receive({ from: "+491", text: "Hi", name: "Ana" });
    await clock.advance(10);
    const [heard] = texts;
    expect(heard?.text).toEqual({
      providerId,
      from: "+491",
      userId: null,
      wish: null,
      name: "Ana",
      text: "Hi",
      at: clock.now() - 10,
    });
    simulator.behave({ unreachable: true });
    simulator.receive({ from: "+491", text: "STOP" });
    await clock.advance(MINUTE_MS);
    expect(texts).toHaveLength(1);
    simulator.behave({ unreachable: false });
    await clock.advance(10);
    expect(texts.map(({ text }) => text.text)).toEqual(["Hi", "STOP"]);
  });

  test("answers a share of the delivered messages, with STOP or something else, a while after they were delivered", async () => {
    const replyAfter = { fromMs: 5_000, toMs: 60_000 };
    const { simulator, clock, send, texts } = setup({ ...AT_ONCE_DELIVERED, stopShare: 0.1, replyShare: 0.3, replyAfter });
    await simulator.start();
    const from = clock.now();
    await send(messageIds(1_000), "+491");
    await clock.advance(2 * MINUTE_MS);
    const said = Map.groupBy(texts, ({ text }) => text.text);
    // 100 and 300 are expected; five standard deviations are 47 and 72.
    expect(Math.abs((said.get("STOP")?.length ?? 0) - 100)).toBeLessThan(47);
    expect(Math.abs((said.get("Thanks!")?.length ?? 0) - 300)).toBeLessThan(72);
    expect(new Set(texts.map(({ text }) => text.providerId)).size).toBe(texts.length);
    for (const { text, at } of texts) {
      expect(text.from).toBe("+491");
      expect(text.at - from).toBeGreaterThanOrEqual(5_000);
      expect(text.at - from).toBeLessThanOrEqual(60_000);
      expect(at - text.at).toBeLessThanOrEqual(11);
    }
  });

  test("answers nothing that was not delivered, and nothing unless told to", async () => {
    for (const behaviour of [{ stopShare: 1, undeliverableShare: 1 }, {}]) {
      const { simulator, clock, send, texts } = setup({ ...AT_ONCE_DELIVERED, ...behaviour });
      await simulator.start();
      await send(messageIds(50));
      await clock.advance(20 * MINUTE_MS);
      expect(texts).toEqual([]);
    }
  });
});

describe("the outbox", () => {
  test("shows what left, page by page, and what has happened to it so far", async () => {
    const { simulator, clock, send } = setup({ latency: AT_ONCE, readShare: 1 });
    const at = clock.now();
    await simulator.start();
    void simulator.send(plain("a", "+491", "Hi A"));
    await clock.advance(0);
    const { items, total } = simulator.outbox({ page: 1, limit: 10 });
    expect(total).toBe(1);
    expect(items).toEqual([
      {
        message_id: "a",
        line: null,
        to: "+491",
        text: "Hi A",
        media: null,
        buttons: [],
        template: null,
        handed_over_at: expect.any(Number),
        at,
        provider_id: expect.stringMatching(/^3EB0[0-9A-F]{18}$/),
        receipts: [],
      },
    ]);
    await send(["b", "c"], "+492");
    await clock.advance(20 * MINUTE_MS);
    expect(simulator.outbox({ page: 2, limit: 2 })).toMatchObject({
      total: 3,
      items: [{ message_id: "c", receipts: [{ status: "DELIVERED" }, { status: "READ" }] }],
    });
    expect(simulator.outbox({ page: 3, limit: 2 }).items).toEqual([]);
    expect(simulator.outbox({ page: 1, limit: 10, to: "+492" })).toMatchObject({
      total: 2,
      items: [{ message_id: "b" }, { message_id: "c" }],
    });
    expect(simulator.outbox({ page: 2, limit: 1, to: "+492" })).toMatchObject({ total: 2, items: [{ message_id: "c" }] });
    expect(simulator.outbox({ page: 1, limit: 10, messageId: "a", to: "+491" })).toMatchObject({
      total: 1,
      items: [{ message_id: "a" }],
    });
    expect(simulator.outbox({ page: 1, limit: 10, messageId: "a", to: "+492" })).toEqual({ total: 0, items: [] });
  });

  test("notes what a message had besides its text", async () => {
    const { simulator, clock } = setup({ latency: AT_ONCE });
    await simulator.start();
    const media = { kind: "document", link: "https://example.com/a.pdf", filename: "a.pdf" } as const;
    const template = { name: "welcome", language: "en", parameters: [{ name: null, text: "Ana" }] };
    void simulator.send({ ...plain("a"), media, buttons: ["Yes", "No"] });
    void simulator.send({ ...plain("b"), template });
    await clock.advance(0);
    expect(simulator.outbox({ page: 1, limit: 10 }).items).toMatchObject([
      { message_id: "a", media, buttons: ["Yes", "No"], template: null },
      { message_id: "b", media: null, buttons: [], template },
    ]);
  });

  test("opens a file of an earlier version, and hands over what waits there", async () => {
    const folder = mkdtempSync(join(tmpdir(), "simulator-"));
    const file = join(folder, "outbox.db");
    const old = new DatabaseSync(file);
    old.exec(`
      CREATE TABLE sent (id INTEGER PRIMARY KEY, message_id TEXT NOT NULL, recipient TEXT NOT NULL, text TEXT NOT NULL,
        handed_over_at INTEGER NOT NULL, at INTEGER NOT NULL, provider_id TEXT NOT NULL,
        failed_at INTEGER, delivered_at INTEGER, read_at INTEGER) STRICT;
      CREATE TABLE receipt_due (id INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, items TEXT NOT NULL) STRICT;
      CREATE INDEX receipt_due_due ON receipt_due (due);
      CREATE TABLE text_due (id INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, items TEXT NOT NULL) STRICT;
      CREATE TABLE handover (kind TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO sent VALUES (1, 'm', '+491', 'Hi', 5, 6, '3EB0', NULL, 7, NULL);
      INSERT INTO receipt_due VALUES (1, 7, '["m","DELIVERED",0]');`);
    old.close();
    const clock = virtualClock();
    const simulator = createSimulator({ file, clock, seed: 1 });
    opened.push(simulator);
    const heard: Receipt[] = [];
    simulator.onReceipts(async (receipts) => {
      heard.push(...receipts);
    });
    await simulator.start();
    await clock.advance(1_000);
    expect(heard).toEqual([{ messageId: "m", status: "DELIVERED", at: 7, code: null, reason: null }]);
    expect(simulator.outbox({ page: 1, limit: 10 }).items).toMatchObject([{ message_id: "m", line: null, media: null }]);
    rmSync(folder, { recursive: true });
  });

  test("keeps a message that was sent twice twice", async () => {
    const { simulator, send, left } = setup();
    await simulator.start();
    await send(messageIds(60));
    expect(simulator.sentMoreThanOnce()).toBe(0);
    await send(messageIds(2));
    expect(left()).toHaveLength(62);
    expect(simulator.sentMoreThanOnce()).toBe(2);
    expect(simulator.outbox({ page: 1, limit: 10, messageId: messageIds(1)[0] ?? "" }).total).toBe(2);
  });

  test("holds side by side what arrived together, whatever the number", async () => {
    for (const count of [1, 24, 25, 26, 60]) {
      const { simulator, send, left } = setup({ latency: AT_ONCE });
      await simulator.start();
      await send(messageIds(count));
      expect(left()).toEqual(messageIds(count));
    }
  });
});

test("several lines share an outbox, and each hears only what is its own", async () => {
  const clock = virtualClock();
  const outbox = openOutbox(":memory:");
  const heard: Record<string, string[]> = {};
  const lines = ["one", "two"].map((line) => {
    const simulator = simulatorOn(outbox, {
      clock,
      seed: 1,
      line,
      behaviour: { latency: AT_ONCE, readShare: 0, sentAfter: null },
    });
    opened.push({ stop: simulator.stop, close: () => undefined });
    const own: string[] = [];
    heard[line] = own;
    simulator.onReceipts(async (receipts) => {
      own.push(...receipts.map(({ messageId }) => messageId));
    });
    simulator.onTexts(async (texts) => {
      own.push(...texts.map(({ text }) => text));
    });
    return simulator;
  });
  opened.push({ stop: async () => undefined, close: outbox.close });
  for (const [index, simulator] of lines.entries()) {
    await simulator.start();
    void simulator.send(plain(`m${index}`));
    simulator.receive({ from: "+491", text: `t${index}` });
  }
  await clock.advance(MINUTE_MS);
  expect(heard).toEqual({ one: ["t0", "m0"], two: ["t1", "m1"] });
  const left = lines[1]?.outbox({ page: 1, limit: 10 }).items;
  expect(left?.map(({ message_id, line }) => `${message_id} over ${line}`)).toEqual(["m0 over one", "m1 over two"]);
});

test("a line may accept what fails later, also what is not on WhatsApp", async () => {
  const clock = virtualClock();
  const failureOf: FailureOf = ({ text }, isOnWhatsApp) => (isOnWhatsApp ? (text === "bad" ? "131047" : null) : "131026");
  const behaviour = { latency: AT_ONCE, notOnWhatsApp: ["+1*"], replyShare: 1 };
  const simulator = createSimulator({ file: ":memory:", clock, seed: 1, behaviour, failureOf });
  opened.push(simulator);
  const heard: string[] = [];
  simulator.onReceipts(async (receipts) => {
    heard.push(...receipts.map(({ messageId, status, code }) => `${messageId} ${status} ${code}`));
  });
  const replied: (string | null)[] = [];
  simulator.onTexts(async (texts) => {
    replied.push(...texts.map(({ from }) => from));
  });
  await simulator.start();
  const messages = [plain("late", "+491", "bad"), plain("nowhere", "+1555"), plain("good", "+492")];
  const answers = messages.map((message) => simulator.send(message));
  await clock.advance(20 * MINUTE_MS);
  expect((await Promise.all(answers)).map(({ kind }) => kind)).toEqual(["accepted", "accepted", "accepted"]);
  expect(heard.filter((line) => !line.startsWith("good")).sort()).toEqual(["late FAILED 131047", "nowhere FAILED 131026"]);
  expect(replied).toEqual(["+492"]);
});

test("pairing and logging out are refused in a sentence, because no phone is linked to it", async () => {
  const { simulator } = setup();
  const refusal = { kind: "refused", reason: expect.stringMatching(/always linked/) };
  expect(await simulator.pair({ method: "qr", phone: null })).toEqual(refusal);
  expect(await simulator.logOut()).toEqual(refusal);
  expect(simulator.health()).toMatchObject({ until: null, pairing: null, recipientsPerDay: null });
});

test("how it behaves is its defaults and what was changed", () => {
  const { simulator } = setup({ readShare: 0.5 });
  expect(simulator.behaviour()).toMatchObject({ readShare: 0.5, unreachable: false, latency: { fromMs: 50, toMs: 250 } });
  simulator.behave({ unreachable: true });
  expect(simulator.behaviour()).toMatchObject({ readShare: 0.5, unreachable: true });
});
