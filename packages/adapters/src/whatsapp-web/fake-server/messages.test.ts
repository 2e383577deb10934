import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type BinaryNode, proto } from "baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Client, type ClientMemory, closed, connect, emptyMemory, link } from "./client.ts";
import { type FakeWhatsAppWeb, startFakeWhatsAppWeb } from "./fake-server.ts";

const ALICE = "+4915711111111";
const ALICE_JID = "4915711111111@s.whatsapp.net";
const { ERROR, DELIVERY_ACK, READ } = proto.WebMessageInfo.Status;

let fake: FakeWhatsAppWeb;
let memory: ClientMemory;
let client: Client;

beforeEach(async () => {
  fake = await startFakeWhatsAppWeb();
  memory = emptyMemory();
  client = await link(fake, memory);
});
afterEach(async () => {
  await fake.end();
});

/** The server's acknowledgements of the message, as they come. */
function acksOf(id: string): BinaryNode[] {
  const acks: BinaryNode[] = [];
  client.socket.ws.on("CB:ack,class:message", (ack: BinaryNode) => {
    if (ack.attrs["id"] === id) acks.push(ack);
  });
  return acks;
}

/** The next status that Baileys gives the message, after those below `least`. */
function statusOf(id: string, least: proto.WebMessageInfo.Status) {
  return client.when("messages.update", (updates) => {
    const status = updates.find(({ key }) => key.id === id)?.update.status ?? undefined;
    return status === undefined || status < least ? undefined : status;
  });
}

function textFrom(one: Client, type: "notify" | "append", text: string) {
  return one.when("messages.upsert", (upsert) =>
    upsert.type === type ? upsert.messages.find(({ message }) => message?.conversation === text) : undefined,
  );
}

test("of several numbers only those with WhatsApp are known", async () => {
  fake.behave({ unregistered: ["+4915722222222"] });
  expect(await client.socket.onWhatsApp("+4915711111111", "4915722222222")).toEqual([{ jid: ALICE_JID, exists: true }]);
});

test("a text to a number without WhatsApp is taken and reaches nobody", async () => {
  fake.behave({ unregistered: [ALICE] });
  const acks = acksOf("3EB0A9");
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0A9" });
  await expect.poll(() => acks).toHaveLength(1);
  expect(fake.outbox()).toEqual([]);
});

test("a text is decrypted by its recipient and acknowledged under the client's own id", async () => {
  const acks = acksOf("3EB0AA");
  await client.socket.sendMessage(ALICE_JID, { text: "Hello Alice 👋" }, { messageId: "3EB0AA" });
  await expect.poll(() => acks).toHaveLength(1);
  expect(acks[0]?.attrs["error"]).toBeUndefined();
  expect(fake.outbox()).toEqual([
    { id: "3EB0AA", answer: "accepted", to: ALICE, text: "Hello Alice 👋", media: null, at: expect.any(Number), receipts: [] },
  ]);
});

test("the messages of one conversation are all decrypted, also to the recipient's LID and after a reconnect", async () => {
  await client.socket.sendMessage(ALICE_JID, { text: "one" });
  await client.socket.sendMessage(ALICE_JID, { text: "two" });
  const lid = await client.socket.signalRepository.lidMapping.getLIDForPN(ALICE_JID);
  await client.socket.sendMessage(lid ?? "", { text: "three" });
  await expect.poll(() => fake.outbox().length).toBe(3);
  fake.dropAll();
  await closed(client);
  client = connect(fake, memory);
  await client.when("connection.update", ({ connection }) => (connection === "open" ? true : undefined));
  await client.socket.sendMessage(ALICE_JID, { text: "four" });
  await expect
    .poll(() => fake.outbox().map(({ to, text }) => `${to} ${text}`))
    .toEqual([`${ALICE} one`, `${ALICE} two`, `${ALICE} three`, `${ALICE} four`]);
});

test("receipts follow by themselves where they should", async () => {
  fake.behave({ receipts: "delivered" });
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0AB" });
  expect(await statusOf("3EB0AB", DELIVERY_ACK)).toBe(DELIVERY_ACK);
  fake.behave({ receipts: "read" });
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0B0" });
  // Baileys may merge both receipts into the higher one.
  expect(await statusOf("3EB0B0", READ)).toBe(READ);
});

test("receipts come when the test says so, and wait for a client that is away", async () => {
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0AC" });
  await expect.poll(() => fake.outbox().length).toBe(1);
  fake.receipt("3EB0AC", "delivered");
  expect(await statusOf("3EB0AC", DELIVERY_ACK)).toBe(DELIVERY_ACK);
  fake.dropAll();
  await closed(client);
  fake.receipt("3EB0AC", "read");
  client = connect(fake, memory);
  expect(await statusOf("3EB0AC", READ)).toBe(READ);
});

test("acknowledgements come as often as they should", async () => {
  fake.behave({ copies: 3 });
  const acks = acksOf("3EB0AD");
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0AD" });
  await expect.poll(() => acks.length).toBe(3);
});

test("a refused message has the status ERROR, with the server's code", async () => {
  fake.behave({ ack: "refused", refusal: 479 });
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0AE" });
  expect(await statusOf("3EB0AE", ERROR)).toBe(ERROR);
  expect(fake.outbox()).toMatchObject([{ id: "3EB0AE", answer: "refused" }]);
});

test("a message that its recipient cannot read is sent anew under the same id", async () => {
  fake.behave({ unreadable: true });
  const acks = acksOf("3EB0B1");
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0B1" });
  await expect.poll(() => acks).toHaveLength(2);
  expect(fake.outbox()).toMatchObject([{ id: "3EB0B1", text: "Hello" }]);
});

test("a message under a session from before is asked for anew", async () => {
  await client.socket.sendMessage(ALICE_JID, { text: "one" });
  const lid = (await client.socket.signalRepository.lidMapping.getLIDForPN(ALICE_JID)) ?? "";
  const address = client.socket.signalRepository.jidToSignalProtocolAddress(lid);
  const { [address]: session } = await memory.keys.get("session", [address]);
  if (session === undefined) throw new Error("There is no session yet.");
  await client.socket.sendMessage(ALICE_JID, { text: "two" });
  await memory.keys.set({ session: { [address]: session } });
  await client.socket.sendMessage(ALICE_JID, { text: "three" });
  await expect.poll(() => fake.outbox().map(({ text }) => text)).toEqual(["one", "two", "three"]);
});

test("a message without an answer may be answered later", async () => {
  fake.behave({ ack: "none" });
  const acks = acksOf("3EB0AF");
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" }, { messageId: "3EB0AF" });
  await expect.poll(() => fake.outbox()).toMatchObject([{ id: "3EB0AF", answer: "none" }]);
  expect(acks).toEqual([]);
  fake.acknowledge("3EB0AF", "accepted");
  await expect.poll(() => acks).toHaveLength(1);
});

test("media arrive as they were, with their captions and names", async () => {
  const content = Buffer.from("%PDF-1.7 a small document");
  const site = createServer((_request, response) => response.end(content));
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const address = `http://127.0.0.1:${(site.address() as AddressInfo).port}/price-list.pdf`;
  try {
    await client.socket.sendMessage(ALICE_JID, {
      document: { url: address },
      mimetype: "application/pdf",
      fileName: "price-list.pdf",
      caption: "Our prices",
    });
    await client.socket.sendMessage(ALICE_JID, { image: { url: address }, caption: "A picture" });
    await expect
      .poll(() => fake.outbox())
      .toMatchObject([
        { text: "Our prices", media: { kind: "document", filename: "price-list.pdf", mimetype: "application/pdf" } },
        { text: "A picture", media: { kind: "image", filename: null } },
      ]);
    for (const { media } of fake.outbox()) expect(Buffer.from(media?.bytes ?? [])).toEqual(content);
  } finally {
    site.close();
  }
});

test("a person who never heard of the account writes, and the client decrypts it and confirms it", async () => {
  const at = Date.UTC(2030, 0, 1);
  const id = await fake.receive({ from: ALICE, name: "Alice", text: "STOP", at });
  const message = await textFrom(client, "notify", "STOP");
  expect(message).toMatchObject({ pushName: "Alice", key: { remoteJid: ALICE_JID, fromMe: false, id } });
  expect(Number(message.messageTimestamp) * 1000).toBe(at);
  await expect.poll(fake.unconfirmed).toEqual([]);
});

test("a person answers what the client wrote, in the same session", async () => {
  await client.socket.sendMessage(ALICE_JID, { text: "Hello" });
  await expect.poll(() => fake.outbox().length).toBe(1);
  await fake.receive({ from: ALICE, text: "Hello yourself" });
  await textFrom(client, "notify", "Hello yourself");
  await client.socket.sendMessage(ALICE_JID, { text: "How are you?" });
  await expect.poll(() => fake.outbox().map(({ text }) => text)).toEqual(["Hello", "How are you?"]);
});

test("a text from a LID comes with the number as the alternative", async () => {
  await fake.receive({ from: ALICE, text: "From my LID", lid: true });
  const message = await textFrom(client, "notify", "From my LID");
  expect(message.key.remoteJid).toMatch(/@lid$/);
  expect(message.key.remoteJidAlt).toBe(ALICE_JID);
});

test("what people wrote while nobody was connected comes with the next login", async () => {
  fake.dropAll();
  await closed(client);
  const ids = [await fake.receive({ from: ALICE, text: "Are you there?" }), await fake.receive({ from: ALICE, text: "STOP" })];
  expect(fake.unconfirmed()).toEqual(ids);
  client = connect(fake, memory);
  await textFrom(client, "append", "Are you there?");
  await textFrom(client, "append", "STOP");
  await expect.poll(fake.unconfirmed).toEqual([]);
});

test("a repeated text is a duplicate with the same id", async () => {
  await fake.receive({ from: ALICE, text: "first", id: "3AAA" });
  await fake.receive({ from: ALICE, text: "again", id: "3AAA" });
  expect((await textFrom(client, "notify", "first")).key.id).toBe("3AAA");
  expect((await textFrom(client, "notify", "again")).key.id).toBe("3AAA");
});

test("a text that the client cannot read is encrypted anew when the client asks for it", async () => {
  await fake.receive({ from: ALICE, text: "first" });
  await textFrom(client, "notify", "first");
  await client.socket.signalRepository.deleteSession([ALICE_JID]);
  const lid = await client.socket.signalRepository.lidMapping.getLIDForPN(ALICE_JID);
  await client.socket.signalRepository.deleteSession([lid ?? ""]);
  await fake.receive({ from: ALICE, text: "second" });
  await textFrom(client, "notify", "second");
  await expect.poll(fake.unconfirmed).toEqual([]);
});
