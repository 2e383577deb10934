import { once } from "node:events";
import { NOISE_WA_HEADER } from "baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closed, connect, emptyMemory, link, opened } from "./client.ts";
import { type FakeWhatsAppWeb, startFakeWhatsAppWeb } from "./fake-server.ts";

let fake: FakeWhatsAppWeb;

beforeEach(async () => {
  fake = await startFakeWhatsAppWeb({ phone: "+4915700000001" });
});
afterEach(async () => {
  await fake.end();
});

test("a client is linked by its QR code, told to restart, and logs in with what it was given", async () => {
  const memory = emptyMemory();
  const first = connect(fake, memory);
  await fake.scan(await first.when("connection.update", ({ qr }) => qr));
  expect(await closed(first)).toBe(515);
  expect(memory.creds.me?.id).toBe("4915700000001:1@s.whatsapp.net");
  expect([fake.devices(), fake.logins(), fake.online()]).toEqual([1, 0, 0]);

  const second = connect(fake, memory);
  await opened(second);
  expect([fake.logins(), fake.online()]).toEqual([1, 1]);
});

test("a client is linked by the pairing code that it shows", async () => {
  const memory = emptyMemory();
  const first = connect(fake, memory);
  await first.when("connection.update", ({ qr }) => qr);
  const code = await first.socket.requestPairingCode("4915700000001");
  await fake.typeCode(`${code.slice(0, 4)}-${code.slice(4)}`);
  expect(await closed(first)).toBe(515);
  expect(memory.creds.registered).toBe(true);

  await opened(connect(fake, memory));
  expect(fake.logins()).toBe(1);
});

test("a wrong pairing code links nothing, and the right one may be typed after it", async () => {
  const client = connect(fake, emptyMemory());
  await client.when("connection.update", ({ qr }) => qr);
  await client.socket.requestPairingCode("4915700000001", "AAAABBBB");
  await expect(fake.typeCode("AAAACCCC")).rejects.toThrow("The pairing code is wrong.");
  expect(fake.devices()).toBe(0);
  await fake.typeCode("AAAABBBB");
  expect(fake.devices()).toBe(1);
});

test("no code can be typed while no client registers", async () => {
  await expect(fake.typeCode("AAAABBBB")).rejects.toThrow("No client");
});

test("a QR code that no connected client shows links nothing", async () => {
  const client = connect(fake, emptyMemory());
  const qr = await client.when("connection.update", (update) => update.qr);
  await client.socket.end(undefined);
  await closed(client);
  await expect.poll(() => fake.scan(qr).catch(String)).toContain("No connected client shows this QR code.");
});

test("a later login needs the credentials of a linked device", async () => {
  const memory = emptyMemory();
  await link(fake, memory);
  const stranger = { ...memory, creds: { ...emptyMemory().creds, me: { id: "4915700000001:1@s.whatsapp.net" } } };
  expect(await closed(connect(fake, stranger))).toBe(401);
});

test("a second login with the same credentials replaces the first", async () => {
  const memory = emptyMemory();
  const first = await link(fake, memory);
  const second = connect(fake, memory);
  expect(await closed(first)).toBe(440);
  await opened(second);
  expect([fake.logins(), fake.online()]).toEqual([2, 1]);
});

test("a client that logs out is unlinked", async () => {
  const memory = emptyMemory();
  const client = await link(fake, memory);
  await client.socket.logout();
  expect(await closed(client)).toBe(401);
  await expect.poll(fake.devices).toBe(0);
  expect(await closed(connect(fake, memory))).toBe(401);
});

test("pings are answered, which keeps the connection", async () => {
  const client = await link(fake, emptyMemory());
  const ping = { tag: "ping", attrs: {} };
  const pong = await client.socket.query({
    tag: "iq",
    attrs: { to: "@s.whatsapp.net", type: "get", xmlns: "w:p" },
    content: [ping],
  });
  expect(pong).toMatchObject({ tag: "iq", attrs: { type: "result" } });
});

test("a newly linked client with every default needs not wait for history", async () => {
  const memory = emptyMemory();
  const client = await link(fake, memory);
  await client.when("creds.update", ({ accountSyncCounter }) => accountSyncCounter);
  expect(memory.creds.accountSyncCounter).toBe(1);
});

test("the end of a server fails that could not make sense of a client", async () => {
  const other = await startFakeWhatsAppWeb();
  const socket = new WebSocket(other.url);
  await once(socket, "open");
  socket.send(Buffer.from([...NOISE_WA_HEADER, 0, 0, 1, 0]));
  await once(socket, "close");
  await expect(other.end()).rejects.toThrow("A client was not understood");
});
