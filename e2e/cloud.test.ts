/** Proves the Cloud API from outside: a product with its twin, campaigns both ways, and what Meta's errors do to whom. */
import type { Channel } from "@mini-crm/core/channel/channel";
import { openEnginesToRead } from "@mini-crm/runtime/engines";
import { openCloudSecrets, openVault } from "@mini-crm/runtime/vault";
import { afterAll, beforeAll, expect, test } from "vitest";
import { only, type Person } from "./product.ts";
import { call, eventually, printed, startEntry, temporaryFolder } from "./system.ts";
import { HELLO, QUICK, startWithTwin, stopped, type WithTwin } from "./with-twin.ts";

const SECOND = {
  phone_number_id: "100000000000077",
  business_account_id: "200000000000001",
  access_token: "the-access-token-of-the-second-number",
  app_secret: "the-app-secret-of-the-second-number",
  verify_token: "the-verify-token-of-the-second-number",
};

let folder: string;
let remove: () => Promise<void>;
let product: WithTwin;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  product = await startWithTwin({ DATA_DIR: folder });
  await product.twin("PATCH", "", { readShare: 1 });
});
afterAll(async () => {
  product.started.process.kill("SIGKILL");
  await product.started.exited;
  await remove();
});

test("within 24 hours of their last message people get the text, all others the template; all is delivered and read", async () => {
  const people = await product.people("both", 6);
  const [writer, other] = [only(people, 0), only(people, 3)];
  for (const { phone } of people.slice(0, 3)) await product.write(phone, "Hello");
  for (const person of people.slice(0, 3)) await product.untilWindowIsOpen(person);

  const id = await product.send("both");
  await product.untilDone(id, { audience: 6, sent: 6, failed: 0, skipped: 0 });
  await eventually(async () => expect((await product.campaign(id)).stats).toMatchObject({ delivered: 6, read: 6 }));
  expect(await product.leftTo(writer)).toMatchObject([{ text: "Hi both 0!" }]);
  expect(await product.leftTo(other)).toMatchObject([{ text: "Hello both 3, thank you for being with us." }]);
  const texts = new Map((await product.messages(id)).map(({ lead_id, text }) => [lead_id, text]));
  expect([texts.get(writer._id), texts.get(other._id)]).toEqual(["Hi both 0!", "Hello both 3, thank you for being with us."]);
});

test("whoever writes STOP is sent nothing more, and whoever nobody knows becomes a lead", async () => {
  const people = await product.people("stopping", 2);
  const [stopper, other] = [only(people, 0), only(people, 1)];
  await product.write(stopper.phone, "Stop!");
  await product.write("+14159990001", "Do you deliver to Berlin?", "Ana");
  await eventually(async () => expect(await product.lead(stopper._id)).toMatchObject({ consent: { state: "opted_out" } }));
  await product.untilDone(await product.send("stopping"), { audience: 2, sent: 1, skipped: 1 });
  expect(await product.leftTo(stopper)).toEqual([]);
  expect(await product.leftTo(other)).toHaveLength(1);

  const known = () => product.get<{ leads: Person[] }>("/leads?phone=%2B14159990001");
  await eventually(async () => expect(await known()).toMatchObject({ leads: [{ name: "Ana", phones: ["+14159990001"] }] }));
  const { leads } = await known();
  expect(await product.get(`/leads/${only(leads, 0)._id}/timeline`)).toMatchObject({
    entries: [{ kind: "inbound", text: "Do you deliver to Berlin?", status: "RECEIVED" }],
    windows: [{ channel_id: "default", open_until: expect.any(String) }],
  });
});

test("a person's reply arrives within 24 hours of the lead's last message, and is refused outside of them", async () => {
  const people = await product.people("answered", 2);
  const [writer, silent] = [only(people, 0), only(people, 1)];
  await product.write(writer.phone, "Are you open today?");
  await product.untilWindowIsOpen(writer);
  expect(await product.api("POST", `/leads/${writer._id}/messages`, { text: "Until six." })).toMatchObject({ status: 202 });
  await eventually(async () => expect(await product.leftTo(writer)).toMatchObject([{ text: "Until six." }]));
  await eventually(async () => {
    expect(await product.get(`/leads/${writer._id}/timeline`)).toMatchObject({
      entries: [
        { kind: "reply", text: "Until six.", status: "READ" },
        { kind: "inbound", text: "Are you open today?" },
      ],
    });
  });
  expect(await product.api("POST", `/leads/${silent._id}/messages`, { text: "Hello?" })).toMatchObject({
    status: 409,
    body: { error: { code: "WINDOW_CLOSED", details: expect.stringContaining("only an approved template") } },
  });
  expect(await product.leftTo(silent)).toEqual([]);
});

test("what Meta says of one recipient stops nobody else, and an answer that was lost is settled by the late receipt", async () => {
  const people = await product.people("one-by-one", 8);
  const [absent, unreachable, unwilling, lost] = [only(people, 0), only(people, 1), only(people, 2), only(people, 3)];
  await product.fail(
    { code: 131026, to: [absent.phone] },
    { code: 131026, to: [unreachable.phone], outcome: "later" },
    { code: 131050, to: [unwilling.phone] },
    { status: 503, to: [lost.phone], outcome: "leaves" },
  );
  await product.twin("PATCH", "", { lateShare: 1, lateBy: { fromMs: 1_000, toMs: 1_000 } });
  const id = await product.send("one-by-one");
  await product.untilDone(id, { audience: 8, sent: 5, failed: 3, uncertain: 0 });
  await product.fail();
  await product.twin("PATCH", "", { lateShare: 0 });
  const messages = new Map((await product.messages(id)).map((message) => [message.lead_id, message]));
  const failed = (code: string) => ({ status: "FAILED", code, reason: expect.any(String) });
  expect(messages.get(absent._id)).toMatchObject(failed("131026"));
  expect(messages.get(unreachable._id)).toMatchObject(failed("131026"));
  expect(messages.get(unwilling._id)).toMatchObject(failed("131050"));
  await eventually(async () => expect(await product.lead(unwilling._id)).toMatchObject({ consent: { state: "opted_out" } }));

  await eventually(async () => {
    const settled = await product.get<{ history: { status: string }[] }>(`/messages/${messages.get(lost._id)?._id}`);
    expect(settled).toMatchObject({ status: "READ", code: null });
    expect(settled.history).toContainEqual(
      expect.objectContaining({ status: "UNCERTAIN", reason: expect.stringContaining("503") }),
    );
  });
  expect(await product.leftTo(lost)).toHaveLength(1);
  expect(await product.sentMoreThanOnce()).toBe(0);
});

test("a template that Meta pauses in the middle holds the campaign, in words; approved again, all of it goes out", async () => {
  const template = { name: "hello", language: "en_US" };
  const known = async () => {
    const templates = await product.get<{ name: string; status: string }[]>("/channels/default/templates");
    return templates.find(({ name }) => name === template.name)?.status;
  };
  await product.people("paused", 300);
  const id = await product.send("paused");
  await eventually(async () => expect((await product.campaign(id)).stats.sent).toBeGreaterThan(0));
  await product.twin("PATCH", "/templates", { ...template, status: "PAUSED" });
  await eventually(async () => expect(await product.campaign(id)).toMatchObject({ status: "PAUSED" }));
  const { hold, stats, waitingFor } = await product.campaign(id);
  expect(hold).toMatchObject({ code: "refused", reason: expect.stringMatching(/132015.*paused because of its low quality/) });
  expect(waitingFor).toMatchObject({ kind: "person", text: expect.stringContaining("132015") });
  expect(stats.failed).toBeGreaterThan(0);
  expect(stats.pending).toBeGreaterThan(0);
  await eventually(async () => expect(await known()).toBe("PAUSED"));
  await product.people("too-late", 1);
  await expect(product.send("too-late")).rejects.toThrow(/answered 4\d\d.*PAUSED/);

  await product.twin("PATCH", "/templates", { ...template, status: "APPROVED" });
  await eventually(async () => expect(await known()).toBe("APPROVED"));
  await product.get(`/campaigns/${id}/retry`, "POST", { status: "FAILED", code: "132015" });
  await product.get(`/campaigns/${id}/resume`, "POST");
  await product.untilDone(id, { audience: 300, sent: 300, failed: 0 });
  expect(await product.sentMoreThanOnce()).toBe(0);
});

test("a template that Meta does not know (any more) holds the campaign as well", async () => {
  await product.people("unknown-template", 2);
  await product.fail({ code: 132001 });
  const id = await product.send("unknown-template");
  await eventually(async () => expect(await product.campaign(id)).toMatchObject({ status: "PAUSED" }));
  await product.fail();
  expect((await product.campaign(id)).hold?.reason).toMatch(/132001.*no approved template of this name/);
  await product.get(`/campaigns/${id}/cancel`, "POST");
});

test("a second number has a channel of its own: what slows it slows nobody else, and its campaign keeps it from being removed", async () => {
  const number = { ...SECOND, display_phone_number: "+1 555-010-0077", verified_name: "Second Shop" };
  const webhook_url = `${product.backendUrl}/webhooks/whatsapp/second`;
  await product.twin("POST", "/numbers", { ...number, webhook_url });
  const cloud = { ...SECOND, base_url: product.twinUrl };
  const made = await product.get<object>("/channels", "POST", { _id: "second", name: "Second", kind: "cloud", cloud });
  expect(made).toMatchObject({ cloud: { access_token: "set", app_secret: "set", verify_token: "set", webhook_url } });
  expect(await product.twin("POST", "/verifications", { phone_number_id: SECOND.phone_number_id })).toEqual({ verified: true });
  await product.get("/channels/second/templates/sync", "POST");
  await eventually(async () => {
    expect((await product.whatsapp()).channels).toMatchObject([
      { id: "default", kind: "cloud", connected: true, whatsapp: { userName: "Mini CRM System" } },
      { id: "second", kind: "cloud", connected: true, whatsapp: { deviceId: SECOND.phone_number_id, userName: "Second Shop" } },
    ]);
  });

  await product.fail({ code: 130429, phone_number_id: SECOND.phone_number_id });
  const slow = await product.people("slowed", 20);
  await product.people("not-slowed", 20);
  const slowed = await product.send("slowed", { ...HELLO, channel_id: "second" });
  const second = async () => (await product.whatsapp()).channels.find(({ id }) => id === "second");
  await eventually(async () => {
    expect(await second()).toMatchObject({
      connected: false,
      whatsapp: { reason: expect.stringContaining("Too many messages in a short time") },
      circuitBreaker: { state: "open", until: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
  });
  await product.untilDone(await product.send("not-slowed"), { audience: 20, sent: 20 });
  expect(await product.whatsapp()).toMatchObject({ connected: true });
  expect(await product.campaign(slowed)).toMatchObject({ status: "RUNNING", stats: { sent: 0, failed: 0, pending: 20 } });
  expect(await product.api("DELETE", "/channels/second")).toMatchObject({
    status: 409,
    body: { error: { code: "CHANNEL_IN_USE", details: expect.stringContaining(slowed) } },
  });

  await product.fail();
  await product.untilDone(slowed, { audience: 20, sent: 20, failed: 0 });
  expect(await product.leftTo(only(slow, 0))).toMatchObject([{ line: SECOND.phone_number_id }]);
  expect(await product.api("DELETE", "/channels/second")).toMatchObject({ status: 200 });
  await eventually(async () => expect((await product.whatsapp()).channels).toHaveLength(1));
});

test("no secret stands in any answer, or in anything that was printed", async () => {
  const own = openCloudSecrets(openVault({ dataDir: folder, secretsKey: null }), await storedDefault());
  await product.get("/channels");
  const { access_token, app_secret, verify_token } = SECOND;
  for (const secret of [...Object.values(own), access_token, app_secret]) {
    expect(secret.length).toBeGreaterThan(20);
    expect(product.started.output()).not.toContain(secret);
    expect(product.answers.filter((answer) => answer.includes(secret))).toEqual([]);
  }
  // It is shown to whoever sets it, because it must be entered at Meta.
  expect(product.answers.filter((answer) => answer.includes(verify_token))).toHaveLength(1);
  expect(product.started.output()).not.toContain(verify_token);
});

/** As it is stored, whatever runs. */
async function storedDefault(): Promise<Channel> {
  const toRead = await openEnginesToRead({ dataDir: folder });
  const channel = (await toRead?.store.channels.read("default")) ?? null;
  await toRead?.close();
  if (channel === null) throw new Error("The default channel is always there");
  return channel;
}

test("without the twin the default channel is the simulator's again, however the twin ended", async () => {
  expect(await product.stop()).toBe(0);
  expect(await storedDefault()).toMatchObject({ settings: { kind: "simulator" }, secrets: null });
  product = await startWithTwin({ DATA_DIR: folder });
  await eventually(async () => {
    expect(await product.whatsapp()).toMatchObject({ connected: true, channels: [{ kind: "cloud" }] });
  });
  product.started.process.kill("SIGKILL");
  await product.started.exited;
  expect(await storedDefault()).toMatchObject({ settings: { kind: "cloud" } });

  const again = startEntry("cli/src/main.ts", ["start"], { ...QUICK, DATA_DIR: folder });
  const url = `${await printed(again, /API +(http:\S+)/)}/api/v1/channels/default`;
  await eventually(async () => {
    expect(await call("GET", url)).toMatchObject({ body: { data: { kind: "simulator", connection: { connected: true } } } });
  });
  const cloud = { ...SECOND, base_url: product.twinUrl };
  expect(await call("PATCH", url, { kind: "cloud", cloud })).toMatchObject({ status: 200 });
  expect(await stopped(again)).toBe(0);
});

test("a default channel of somebody's own is never taken by the twin", async () => {
  const refused = startEntry("cli/src/main.ts", ["start", "--whatsapp", "twin"], { ...QUICK, DATA_DIR: folder });
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toContain("The default channel is connected to a WhatsApp of your own (cloud)");
  expect(refused.output().trim().split("\n")).toHaveLength(1);
  expect(await storedDefault()).toMatchObject({ settings: { cloud: { phone_number_id: SECOND.phone_number_id } } });
});
