/** Owns the contract of the `WhatsAppProvider` port: what every provider must do, proved by the same tests. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { InboundText, OutgoingMessage, Receipt, SendAnswer, WhatsAppProvider } from "../ports/whatsapp-provider.ts";

/** A provider that has not been started yet, and the WhatsApp that it talks to. */
export interface ProviderUnderTest {
  provider: WhatsAppProvider;
  /** Lets the provider's time pass until `condition` holds; rejects when that takes too long. */
  until(condition: () => boolean): Promise<void>;
  /** What has really left, in its order. */
  sentTexts(): Promise<{ to: string; text: string }[]>;
  /** Somebody writes to the provider's number. */
  receive(text: { from: string; name: string | null; text: string }): Promise<void>;
  /** A beginning of numbers that are on WhatsApp, to which digits may be added. */
  registered: string;
  /** A number that is not. */
  unregistered: string;
  close(): Promise<void>;
}

type Under = () => ProviderUnderTest;

export function describeWhatsAppProvider(name: string, open: () => Promise<ProviderUnderTest>): void {
  describe(`the provider ${name}`, () => {
    let current: ProviderUnderTest;
    beforeEach(async () => {
      current = await open();
    });
    afterEach(async () => {
      await finished(() => current, current.provider.stop());
      await current.close();
    });
    const under = () => current;

    describeSession(under);
    describe("while it is open", () => {
      beforeEach(() => opened(under));
      describeSending(under);
      describeReceipts(under);
      describeTexts(under);
    });
  });
}

/** Waits for `promise` while the provider's time passes. */
async function finished<T>(under: Under, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  await under().until(() => isSettled);
  return promise;
}

async function opened(under: Under): Promise<void> {
  await finished(under, under().provider.start());
  await under().until(() => under().provider.health().state === "open");
}

const PLAIN = { media: null, buttons: [], template: null };

function texts(under: Under, count: number): OutgoingMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    messageId: `65a4b4eaf123456789de0001${String(index).padStart(24, "0")}`,
    to: `${under().registered}${String(index).padStart(3, "0")}`,
    text: `Hi Ana, this is number ${index}`,
    ...PLAIN,
  }));
}

function sendAll(under: Under, messages: readonly OutgoingMessage[]): Promise<SendAnswer[]> {
  return finished(under, Promise.all(messages.map((message) => under().provider.send(message))));
}

/** A listener that keeps what it hears. */
function hear(under: Under) {
  const receipts: Receipt[] = [];
  const end = under().provider.onReceipts(async (batch) => {
    receipts.push(...batch);
  });
  const hasHeard = (messageId: string, status: Receipt["status"]) =>
    receipts.some((receipt) => receipt.messageId === messageId && receipt.status === status);
  return {
    receipts,
    end,
    untilDelivered: (messages: readonly OutgoingMessage[]) =>
      under().until(() => messages.every(({ messageId }) => hasHeard(messageId, "DELIVERED"))),
  };
}

function describeSession(under: Under): void {
  const start = () => finished(under, under().provider.start());
  const stop = () => finished(under, under().provider.stop());
  const state = () => under().provider.health().state;

  test("it is stopped, then open from start to stop, and says so", async () => {
    expect(state()).toBe("stopped");
    await opened(under);
    await stop();
    expect(state()).toBe("stopped");
  });

  test("it says from which device and in whose name it sends", async () => {
    await opened(under);
    const { deviceId, userName, since, ...rest } = under().provider.health();
    expect(deviceId).not.toBe("");
    expect(userName).not.toBe("");
    expect(since).toBeGreaterThan(0);
    expect(rest).toMatchObject({ state: "open", reason: null, until: null, pairing: null, standsBy: false });
  });

  test("it sends nothing unless it is open", async () => {
    const messages = texts(under, 1);
    const refusal = { kind: "session", state: "stopped", reason: expect.stringMatching(/./) };
    expect(await sendAll(under, messages)).toEqual([refusal]);
    await start();
    await stop();
    expect(await sendAll(under, messages)).toEqual([refusal]);
    expect(await under().sentTexts()).toEqual([]);
  });

  test("it may be started and stopped twice, and started again", async () => {
    await start();
    await start();
    await stop();
    await stop();
    await opened(under);
    expect(await sendAll(under, texts(under, 1))).toMatchObject([{ kind: "accepted" }]);
  });

  test("stop answers what is under way, and all that was accepted has left", async () => {
    await opened(under);
    const messages = texts(under, 20);
    const sending = Promise.all(messages.map((message) => under().provider.send(message)));
    await stop();
    const answers = await Promise.race([sending, Promise.resolve(null)]);
    if (answers === null) throw new Error("stop came back before the sends were answered");
    const accepted = messages.filter((_, index) => answers[index]?.kind === "accepted").map(({ text }) => text);
    const sent = await under().sentTexts();
    expect(sent.map(({ text }) => text)).toEqual(expect.arrayContaining(accepted));
  });
}

function describeSending(under: Under): void {
  test("an accepted text leaves exactly as it was given, and has an identifier at WhatsApp", async () => {
    const text = "Hi Ana! 🎉 50% off\n*only* today — “José” & <b>\u200f";
    const messages = texts(under, 1).map((message) => ({ ...message, text }));
    expect(await sendAll(under, messages)).toEqual([{ kind: "accepted", providerId: expect.stringMatching(/./) }]);
    expect(await under().sentTexts()).toEqual(messages.map(({ to }) => ({ to, text })));
  });

  test("texts that are sent side by side leave once each, and have an identifier each", async () => {
    const messages = texts(under, 50);
    const answers = await sendAll(under, messages);
    const providerIds = answers.map((answer) => (answer.kind === "accepted" ? answer.providerId : answer));
    expect(new Set(providerIds).size).toBe(50);
    const sent = await under().sentTexts();
    expect(sent.map(({ text }) => text).sort()).toEqual(messages.map(({ text }) => text).sort());
  });

  test("of each number asked for, in their order, it tells the truth, or that nobody knows", async () => {
    const { provider, registered, unregistered } = under();
    const phones = [`${registered}001`, unregistered, `${registered}002`];
    const checked = await finished(under, provider.checkNumbers(phones));
    expect(checked.map(({ phone }) => phone)).toEqual(phones);
    for (const { phone, registered: told } of checked) expect([phone !== unregistered, null]).toContain(told);
    expect(await provider.checkNumbers([])).toEqual([]);
  });

  test("a text to a number that is not on WhatsApp fails for good, at once or later", async () => {
    const heard = hear(under);
    const messageId = "65a4b4eaf123456789de0002000000000000000000000001";
    const [answer] = await sendAll(under, [{ messageId, to: under().unregistered, text: "Hi", ...PLAIN }]);
    if (answer?.kind === "accepted") {
      await under().until(() => heard.receipts.some((receipt) => receipt.messageId === messageId && receipt.status === "FAILED"));
    } else {
      expect(answer).toMatchObject({ kind: "permanent", scope: "recipient" });
    }
  });
}

function describeReceipts(under: Under): void {
  test("every accepted message is told to be delivered, by its own identifier", async () => {
    const heard = hear(under);
    const messages = texts(under, 20);
    await sendAll(under, messages);
    await heard.untilDelivered(messages);
    const ids = new Set(messages.map(({ messageId }) => messageId));
    for (const receipt of heard.receipts) {
      expect(ids).toContain(receipt.messageId);
      expect(receipt).toMatchObject({ at: expect.any(Number), code: null, reason: null });
      expect(receipt.status).not.toBe("FAILED");
    }
  });

  test("receipts come again until their listener has heard them", async () => {
    const refused: Receipt[] = [];
    let isDeaf = true;
    under().provider.onReceipts(async (receipts) => {
      if (!isDeaf) return;
      refused.push(...receipts);
      throw new Error("not now");
    });
    const messages = texts(under, 3);
    await sendAll(under, messages);
    const [first] = messages;
    const timesRefused = () => refused.filter(({ messageId }) => messageId === first?.messageId).length;
    await under().until(() => timesRefused() >= 3);
    isDeaf = false;
    const heard = hear(under);
    await heard.untilDelivered(messages);
    expect(refused.map(({ messageId }) => messageId)).toContain(heard.receipts[0]?.messageId);
  });

  test("every listener hears of them, until it has ended", async () => {
    const one = hear(under);
    const other = hear(under);
    const before = texts(under, 2).slice(0, 1);
    const after = texts(under, 2).slice(1);
    await sendAll(under, before);
    await one.untilDelivered(before);
    await other.untilDelivered(before);
    one.end();
    await sendAll(under, after);
    await other.untilDelivered(after);
    expect(one.receipts.map(({ messageId }) => messageId)).not.toContain(after[0]?.messageId);
  });

  test("receipts of messages that were sent before a restart still come", async () => {
    const messages = texts(under, 5);
    await sendAll(under, messages);
    await finished(under, under().provider.stop());
    const heard = hear(under);
    expect(heard.receipts).toEqual([]);
    await finished(under, under().provider.start());
    await heard.untilDelivered(messages);
  });
}

/** A listener that keeps the texts that it hears. */
function listen(under: Under) {
  const heard: InboundText[] = [];
  const end = under().provider.onTexts(async (batch) => {
    heard.push(...batch);
  });
  return { heard, end, until: (count: number) => under().until(() => heard.length >= count) };
}

function describeTexts(under: Under): void {
  const ana = (text: string) => ({ from: `${under().registered}001`, name: "Ana", text });

  test("what somebody writes is heard as it was written, with who and when, and has an identifier of its own", async () => {
    const listener = listen(under);
    const text = "Hi! 🎉 “José”\n*stop* \u200f";
    await under().receive(ana(text));
    await under().receive(ana(text));
    const nameless = { from: `${under().registered}002`, name: null, text: "STOP" };
    await under().receive(nameless);
    await listener.until(3);
    expect(listener.heard).toMatchObject([ana(text), ana(text), nameless]);
    // What a text wishes, only its words say.
    expect(listener.heard.map(({ wish }) => wish)).toEqual([null, null, null]);
    expect(new Set(listener.heard.map(({ providerId }) => providerId)).size).toBe(3);
    for (const { providerId, at } of listener.heard) {
      expect(providerId).not.toBe("");
      expect(at).toBeGreaterThan(0);
    }
  });

  test("texts come again, the same ones, until their listener has heard them, and receipts don't wait for that", async () => {
    const refused: InboundText[] = [];
    let isDeaf = true;
    under().provider.onTexts(async (batch) => {
      if (!isDeaf) return;
      refused.push(...batch);
      throw new Error("not now");
    });
    await under().receive(ana("STOP"));
    const delivered = hear(under);
    const messages = texts(under, 1);
    await sendAll(under, messages);
    await delivered.untilDelivered(messages);
    await under().until(() => refused.length >= 3);
    isDeaf = false;
    const listener = listen(under);
    await listener.until(1);
    expect(new Set([...refused, ...listener.heard].map(({ providerId }) => providerId)).size).toBe(1);
  });

  test("every listener hears of texts, until it has ended", async () => {
    const one = listen(under);
    const other = listen(under);
    await under().receive(ana("before"));
    await one.until(1);
    await other.until(1);
    one.end();
    await under().receive(ana("after"));
    await other.until(2);
    expect(one.heard.map(({ text }) => text)).toEqual(["before"]);
  });

  test("texts that were written while nobody was connected come with the next start", async () => {
    await finished(under, under().provider.stop());
    await under().receive(ana("STOP"));
    const listener = listen(under);
    await finished(under, under().provider.start());
    await listener.until(1);
    expect(listener.heard).toMatchObject([ana("STOP")]);
  });
}
