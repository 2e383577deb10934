import { afterEach, beforeEach, expect, test } from "vitest";
import { closed, connect, emptyMemory, link, opened } from "./client.ts";
import { type CloseCode, type FakeWhatsAppWeb, startFakeWhatsAppWeb } from "./fake-server.ts";

let fake: FakeWhatsAppWeb;

beforeEach(async () => {
  fake = await startFakeWhatsAppWeb();
});
afterEach(async () => {
  await fake.end();
});

/** In this order, as 401 unlinks the device. */
const CODES: CloseCode[] = [402, 403, 405, 406, 408, 411, 428, 440, 500, 503, 515, 401];

test("the client sees each code that its connection is closed with", async () => {
  const memory = emptyMemory();
  let client = await link(fake, memory);
  for (const code of CODES) {
    fake.close(code);
    expect(await closed(client)).toBe(code);
    client = connect(fake, memory);
    if (code !== 401) await opened(client);
  }
  expect(await closed(client)).toBe(401);
  expect(fake.devices()).toBe(0);
});

test("the client sees each code that its login is refused with, and may come back when it no longer is", async () => {
  const memory = emptyMemory();
  const client = await link(fake, memory);
  fake.dropAll();
  await closed(client);
  for (const code of CODES) {
    fake.behave({ refuseLogins: code });
    expect(await closed(connect(fake, memory))).toBe(code);
  }
  fake.behave({ refuseLogins: null });
  await opened(connect(fake, memory));
  expect(fake.logins()).toBe(2);
});

test("a connection that drops without a word is seen as 428, and the client may come back", async () => {
  const memory = emptyMemory();
  const client = await link(fake, memory);
  fake.dropAll();
  expect(await closed(client)).toBe(428);
  await opened(connect(fake, memory));
  expect(fake.logins()).toBe(2);
});

test("a ban tells how long it lasts", async () => {
  const client = await link(fake, emptyMemory());
  fake.behave({ banSeconds: 120 });
  fake.close(402);
  const error = await client.when("connection.update", ({ lastDisconnect }) => lastDisconnect?.error);
  expect(error).toMatchObject({ data: { reason: "402", expire: "120" } });
});

test("a restricted account is told until when, as it happens and when it asks", async () => {
  const client = await link(fake, emptyMemory());
  const until = Date.UTC(2040, 0, 1);
  fake.restrict(until);
  const told = await client.when("connection.update", ({ reachoutTimeLock }) => reachoutTimeLock);
  expect(told).toMatchObject({ isActive: true, timeEnforcementEnds: new Date(until) });
  expect(await client.socket.fetchAccountReachoutTimelock()).toMatchObject({
    isActive: true,
    timeEnforcementEnds: new Date(until),
  });
  fake.restrict(null);
  expect(await client.socket.fetchAccountReachoutTimelock()).toMatchObject({ isActive: false });
});
