/** Proves WhatsApp Web from outside: linking, campaigns both ways, processes that come and go, and how a phone ends it. */
import type { ChannelJson } from "@mini-crm/wire/channel";
import { afterAll, beforeAll, expect, test } from "vitest";
import { watchEvents } from "./events.ts";
import { type FakeWeb, linkByQr, makeItWeb, openFakeWeb, untilConnected, untilPairingIsShown } from "./fake-web.ts";
import { only, type Person, type Product, productOf } from "./product.ts";
import { call, eventually, type System, startEntry, startSystem, temporaryFolder } from "./system.ts";

let world: FakeWeb;
let system: System;
let product: Product;
let remove: () => Promise<void>;
beforeAll(async () => {
  const temporary = await temporaryFolder();
  remove = temporary.remove;
  world = await openFakeWeb();
  system = await startSystem("two processes", { DATA_DIR: temporary.folder, ...world.settings });
  product = productOf(system);
});
afterAll(async () => {
  await system.kill();
  await world.close();
  await remove();
});

const channel = () => product.get<ChannelJson>("/channels/default");

interface Shown {
  connected: boolean;
  whatsapp: { status: string; reason: string | null; needsPerson: boolean; next: string | null; standsBy: boolean };
}

async function whatsAppAt(workersUrl: string): Promise<Shown> {
  return (await call<Shown>("GET", `${workersUrl}/whatsapp`)).body;
}

/** What left to somebody. */
const leftTo = ({ phone }: Pick<Person, "phone">) => world.fake.outbox().filter(({ to }) => to === phone);

test("a number is linked by the QR code that the API shows, and everybody who watches sees it happen", async () => {
  const { fake } = world;
  await makeItWeb(system);
  const watch = await watchEvents(system, ["channel.pairing", "channel.state"]);
  expect(await call("POST", `${system.backendUrl}/api/v1/channels/default/pair`, { method: "qr" })).toMatchObject({
    status: 202,
    body: { data: { order: { order: "pair", method: "qr" } } },
  });
  const { value, seconds_left } = await untilPairingIsShown(system);
  expect(seconds_left).toBeGreaterThan(40);
  expect(seconds_left).toBeLessThanOrEqual(60);
  await eventually(async () => expect((await untilPairingIsShown(system)).seconds_left).toBeLessThan(seconds_left));
  expect((await channel()).connection).toMatchObject({
    ...{ connected: false, state: "awaiting_scan", needs_person: true },
    next: expect.stringContaining("Linked devices"),
  });
  expect(await watch.next("channel.pairing", { subject: "default", method: "qr", value })).toMatchObject({
    expires_at: expect.stringMatching(/Z$/),
  });
  const picture = await fetch(`${system.backendUrl}/api/v1/channels/default/qr`);
  expect(await picture.text()).toMatch(/^<svg/);

  await fake.scan(value);
  await watch.next("channel.state", { subject: "default", state: "open", connected: true, needs_person: false });
  watch.stop();
  expect(await untilConnected(system)).toMatchObject({
    ...{ state: "open", reason: null, pairing: null, user_name: "Fake account" },
    device_id: expect.stringContaining(fake.phone.slice(1)),
  });
  await eventually(async () => expect((await channel()).paired_at).not.toBeNull());
});

test("`minicrm channel pair` links it anew by a code for the phone, and counts down until it is connected", async () => {
  const { fake } = world;
  const watch = await watchEvents(system, ["channel.pairing"]);
  const PORT = new URL(system.backendUrl).port;
  const command = startEntry("cli/src/main.ts", ["channel", "pair", "default", "--code", fake.phone], { PORT });
  const code = await eventually(async () => {
    const shown = /Type this code:\s+(\S+)\s+It holds for 1[56]\d s/.exec(command.output())?.[1];
    if (shown === undefined) throw new Error(command.output());
    return shown;
  });
  await watch.next("channel.pairing", { subject: "default", method: "code", value: code });
  watch.stop();
  await fake.typeCode(code);
  expect(await command.exited).toBe(0);
  expect(command.output()).toContain("Connected as Fake account.");
  expect([fake.devices(), fake.online()]).toEqual([1, 1]);
});

test("a campaign goes out as it is written, and its receipts come as they are sent", async () => {
  const { fake } = world;
  fake.behave({ receipts: "none" });
  const people = await product.people("receipts", 3);
  const id = await product.send("receipts");
  await eventually(async () => expect((await product.campaign(id)).stats).toMatchObject({ audience: 3, sent: 3, delivered: 0 }));
  for (const person of people) expect(leftTo(person)).toMatchObject([{ text: `Hi ${person.name}!` }]);
  for (const person of people) fake.receipt(leftTo(person)[0]?.id ?? "", "delivered");
  await product.untilDone(id, { sent: 3, delivered: 3, read: 0 });
  fake.receipt(leftTo(only(people, 0))[0]?.id ?? "", "read");
  await eventually(async () => expect((await product.campaign(id)).stats).toMatchObject({ delivered: 3, read: 1 }));
  fake.behave({ receipts: "delivered" });
});

test("whoever writes STOP is sent nothing more, whoever nobody knows becomes a lead, and a person's reply arrives", async () => {
  const { fake } = world;
  const people = await product.people("writers", 2);
  const [stopper, asker] = [only(people, 0), only(people, 1)];
  await fake.receive({ from: stopper.phone, text: "Stop!" });
  await eventually(async () => expect(await product.lead(stopper._id)).toMatchObject({ consent: { state: "opted_out" } }));
  await product.untilDone(await product.send("writers"), { audience: 2, sent: 1, skipped: 1 });
  expect(leftTo(stopper)).toEqual([]);

  await fake.receive({ from: "+14159990001", text: "Do you deliver to Berlin?", name: "Ana", lid: true });
  await eventually(async () => {
    const { leads } = await product.get<{ leads: Person[] }>("/leads?phone=%2B14159990001");
    expect(leads).toMatchObject([{ name: "Ana", phones: ["+14159990001"] }]);
  });

  await product.get(`/leads/${asker._id}/messages`, "POST", { text: "Until six." });
  await eventually(async () => {
    const { entries } = await product.get<{ entries: object[] }>(`/leads/${asker._id}/timeline`);
    expect(entries).toContainEqual(expect.objectContaining({ kind: "reply", text: "Until six.", status: "DELIVERED" }));
  });
  expect(leftTo(asker).map(({ text }) => text)).toEqual(["Hi writers 1!", "Until six."]);
});

test("after a restart it goes on with the same device, and nobody has to pair again", async () => {
  const { fake } = world;
  const logins = fake.logins();
  expect(await system.stop()).toEqual([0, 0]);
  expect([fake.devices(), fake.online()]).toEqual([1, 0]);
  const text = await fake.receive({ from: "+14159990001", text: "Anybody there?" });
  expect(fake.unconfirmed()).toEqual([text]);
  await system.start(["backend", "workers"]);
  await untilConnected(system);
  expect([fake.devices(), fake.logins()]).toEqual([1, logins + 1]);
  await eventually(async () => expect(fake.unconfirmed()).toEqual([]));
  await product.people("restarted", 1);
  await product.untilDone(await product.send("restarted"), { audience: 1, sent: 1, delivered: 1 });
});

test("of two workers the one that has the session dies in the middle of a campaign: the other ends it, and nobody gets it twice", async () => {
  const { fake } = world;
  await system.start(["second workers"]);
  const parts = ["workers", "second workers"] as const;
  const owner = await eventually(async () => {
    const shown = await Promise.all(system.workersUrls.map(whatsAppAt));
    expect(shown.filter(({ whatsapp }) => whatsapp.standsBy)).toHaveLength(1);
    const at = shown.findIndex(({ connected }) => connected);
    const part = parts[at];
    if (part === undefined) throw new Error("None is connected");
    return part;
  });

  fake.behave({ ack: "none" });
  const people = await product.people("taken-over", 6);
  const before = fake.outbox().length;
  const id = await product.send("taken-over");
  const nextOut = (nth: number) =>
    eventually(async () => {
      const sent = fake.outbox()[before + nth - 1];
      if (sent === undefined) throw new Error(`${fake.outbox().length - before} have left`);
      return sent;
    });
  fake.acknowledge((await nextOut(1)).id, "accepted");
  fake.acknowledge((await nextOut(2)).id, "accepted");
  const unanswered = await nextOut(3);
  await system.kill([owner]);
  fake.behave({ ack: "accepted" });
  fake.receipt(unanswered.id, "delivered");

  await product.untilDone(id, { audience: 6, sent: 6, delivered: 6, failed: 0, uncertain: 0 }, 90_000);
  for (const person of people) expect(leftTo(person)).toMatchObject([{ text: `Hi ${person.name}!` }]);
  expect([fake.devices(), fake.online()]).toEqual([1, 1]);
});

test.each([
  { code: 440, state: "replaced", reason: /same linked device/, next: /end that one, then pair again/ },
  { code: 401, state: "logged_out", reason: /unlinked this device/, next: /pair again to go on/ },
] as const)("closed with $code the number is $state until a person pairs it again, and its campaign waits", async (closing) => {
  const { code, state } = closing;
  const { fake } = world;
  const watch = await watchEvents(system, ["channel.state"]);
  fake.close(code);
  const [reason, next] = [expect.stringMatching(closing.reason), expect.stringMatching(closing.next)];
  await watch.next("channel.state", { subject: "default", state, connected: false, needs_person: true, reason, next });
  watch.stop();
  await product.people(state, 1);
  const id = await product.send(state);

  expect(await whatsAppAt(system.workersUrl)).toMatchObject({
    connected: false,
    whatsapp: { status: state, reason, needsPerson: true, next },
  });
  expect((await call("GET", `${system.workersUrl}/health`)).body).toMatchObject({
    overall: "degraded",
    channels: { default: { status: "degraded", state, reason, needsPerson: true, next } },
  });
  const metrics = await (await fetch(`${system.workersUrl}/metrics`)).text();
  expect(metrics).toContain(`minicrm_channel_state{channel="default",state="${state}"} 1`);
  expect(metrics).toContain('minicrm_channel_needs_person{channel="default"} 1');
  expect(metrics).toContain('minicrm_channel_connected{channel="default"} 0');
  await eventually(async () => {
    expect((await channel()).connection).toMatchObject({ connected: false, state, needs_person: true, reason, next });
    expect(await product.campaign(id)).toMatchObject({
      status: "RUNNING",
      waitingFor: { kind: "connection", text: expect.stringMatching(closing.reason) },
    });
  });
  const left = fake.outbox().length;
  await linkByQr(system, fake);
  await product.untilDone(id, { audience: 1, sent: 1, delivered: 1 });
  expect(fake.outbox()).toHaveLength(left + 1);
  expect(fake.online()).toBe(1);
});

test("whoever logs it out unlinks it from the phone", async () => {
  await product.get("/channels/default/logout", "POST");
  await eventually(async () => {
    expect(await channel()).toMatchObject({ order: null, connection: { connected: false, state: "logged_out" } });
  });
  expect([world.fake.devices(), world.fake.online()]).toEqual([0, 0]);
});
