import { plainText } from "@mini-crm/core/message/content";
import type { InboundText, OutgoingMessage, Receipt, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, expect, test } from "vitest";
import { providerIdOf } from "./sent-messages.ts";
import { openStage, type Stage, until } from "./temporary.ts";

const ANA = "+4915711111111";

let stage: Stage;
let one: WhatsAppProvider;
let two: WhatsAppProvider;
beforeEach(async () => {
  stage = await openStage({ hurry: 4 });
  one = stage.provider("one");
  two = stage.provider("two");
  await stage.link(one);
  await two.start();
});
afterEach(() => stage.end());

function message(id: string): OutgoingMessage {
  return { messageId: id, to: ANA, ...plainText(`Hello ${id}`) };
}

const isOpen = (provider: WhatsAppProvider) => () => provider.health().state === "open";

test("a process that does not have the session stands by, and says who has it", async () => {
  expect(two.health()).toMatchObject({
    state: "stopped",
    standsBy: true,
    reason: expect.stringContaining("The process one has"),
  });
  expect(await two.pair({ method: "qr", phone: null })).toMatchObject({
    kind: "refused",
    reason: expect.stringContaining("one"),
  });
  expect(await two.logOut()).toMatchObject({ kind: "refused" });
  expect(one.health()).toMatchObject({ state: "open", standsBy: false });
  expect(stage.fake.online()).toBe(1);
});

test("when the owner dies another process takes over, with the same device", async () => {
  stage.kill("one");
  await until(isOpen(two));
  expect(two.health().standsBy).toBe(false);
  expect(await two.send(message("m1"))).toMatchObject({ kind: "accepted" });
  expect(stage.fake.devices()).toBe(1);
});

test("when the owner stops another process takes over at once", async () => {
  await one.stop();
  await until(isOpen(two));
  expect(stage.fake.online()).toBe(1);
});

test("an owner that cannot reach the store closes its connection in time, without logging out", async () => {
  stage.cutOff("one");
  let wereBothOpen = false;
  await until(() => {
    wereBothOpen ||= isOpen(one)() && isOpen(two)();
    return isOpen(two)();
  });
  expect(wereBothOpen).toBe(false);
  expect(one.health()).toMatchObject({ state: "stopped", reason: expect.stringMatching(/store c(ould|annot)/) });
  expect(await one.send(message("m1"))).toMatchObject({ kind: "session", state: "stopped" });
  expect(stage.fake.outbox()).toEqual([]);
  expect(stage.fake.devices()).toBe(1);
});

test("a message whose sender died between the wire and the record is found by its receipt", async () => {
  stage.fake.behave({ ack: "none" });
  const receipts: Receipt[] = [];
  two.onReceipts(async (batch) => {
    receipts.push(...batch);
  });
  void one.send(message("m1"));
  await until(() => stage.fake.outbox().length === 1);
  stage.kill("one");
  await until(isOpen(two));
  stage.fake.receipt(providerIdOf("m1"), "delivered");
  await until(() => receipts.length > 0);
  expect(receipts).toMatchObject([{ messageId: "m1", status: "DELIVERED" }]);
});

test("what the dead owner had got and nobody heard is handed over by the next one", async () => {
  one.onTexts(() => Promise.reject(new Error("not now")));
  await stage.fake.receive({ from: ANA, text: "STOP" });
  await until(() => stage.fake.unconfirmed().length === 0);
  stage.kill("one");
  const texts: InboundText[] = [];
  two.onTexts(async (batch) => {
    texts.push(...batch);
  });
  await until(() => texts.length > 0);
  expect(texts).toMatchObject([{ from: ANA, text: "STOP" }]);
});

test("the session moves to the process that has messages to send", async () => {
  const asked: string[] = [];
  await until(() => {
    void two.send(message("m1")).then((answer) => asked.push(answer.kind));
    return two.health().state === "open";
  });
  expect(asked).toContain("session");
  expect(one.health()).toMatchObject({ state: "stopped", reason: expect.stringMatching(/messages to send|stands by/) });
  expect(stage.fake.online()).toBe(1);
});
