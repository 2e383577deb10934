import { type AddressInfo, createServer } from "node:net";
import { openBackend, type TestBackend } from "@mini-crm/backend/test-backend";
import { signOfLife } from "@mini-crm/backend/test-channel";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { startEntry } from "../drill/system.ts";
import { openApi } from "./api.ts";
import { type PairTiming, pair } from "./pair.ts";

const KEY = "correct-horse-battery-staple";
const SHOP = { id: "phone", connected: false } as const;

let backend: TestBackend;
let port: number;
beforeAll(async () => {
  backend = await openBackend({ apiKey: KEY });
  port = Number(new URL(await backend.app.listen({ port: 0, host: "127.0.0.1" })).port);
  await api().create({ name: "Phone", kind: "web" });
});
afterAll(() => backend.close());
beforeEach(async () => {
  await backend.store.channels.change("phone", { order: null }, backend.clock.now(), null);
});

/** The command's way to the backend, and how a channel is made. */
function api() {
  const own = openApi({ host: "127.0.0.1", backendPort: port, apiKey: KEY });
  const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
  const create = (payload: object) => backend.app.inject({ method: "POST", url: "/api/v1/channels", headers, payload });
  return { ...own, create };
}

/** Runs the command as a process of its own; answers its exit code and what it printed. */
async function run(args: readonly string[], settings: Record<string, string> = {}): Promise<[number | string, string]> {
  const started = startEntry("cli/src/main.ts", ["channel", ...args], { PORT: String(port), API_KEY: KEY, ...settings });
  return [await started.exited, started.output()];
}

/** Pairs as the command does, but looks more often; `seen` resolves when the text has been printed. */
function startPairing(phone: string | null, timing: Partial<PairTiming> = {}) {
  let output = "";
  const out = { write: (text: string) => (output += text) };
  const linked = pair(api(), { id: "phone", phone }, out, { lookEveryMs: 5, standsForMs: 10_000, mostMs: 15_000, ...timing });
  const seen = (text: string | RegExp) => vi.waitFor(() => expect(output).toMatch(text), { timeout: 10_000, interval: 5 });
  return { linked, seen, output: () => output };
}

/** Takes the order, as the workers do; answers what it was. */
async function takeOrder() {
  await expect.poll(async () => (await backend.store.channels.read("phone"))?.order).not.toBeNull();
  const { order = null } = (await backend.store.channels.read("phone")) ?? {};
  await backend.store.channels.change("phone", { order: null }, backend.clock.now(), null);
  return order;
}

function shows(method: "qr" | "code", value: string, liveMs = 20_000): Promise<void> {
  const pairing = { method, value, expiresAt: backend.clock.now() + liveMs };
  return signOfLife(backend, { ...SHOP, state: "awaiting_scan", reason: "Waiting for a phone", pairing });
}

test("lists every channel with its kind, its state, and what to do", async () => {
  await signOfLife(backend, { ...SHOP, state: "logged_out", reason: "The phone has unlinked it." });
  const [code, output] = await run(["list"]);
  const [first, second, ...more] = output.trimEnd().split("\n");
  expect([code, more]).toEqual([0, []]);
  expect(first).toMatch(/^default +simulator +stopped +Default +\S/);
  expect(second).toMatch(/^phone +web +logged_out +Phone +The phone has unlinked it\. The phone .* pair again to go on\.$/);
});

test("logs a channel out by an order to the workers, and refuses where there is nothing to log out", async () => {
  expect(await run(["logout", "phone"])).toEqual([0, expect.stringContaining("phone is being unlinked")]);
  expect(await takeOrder()).toMatchObject({ order: "log_out" });
  const refused = "only channels of the kind web are linked to a phone";
  expect(await run(["logout", "default"])).toEqual([1, expect.stringContaining(refused)]);
  expect(await run(["pair", "nobody"])).toEqual([1, expect.stringContaining("nobody")]);
});

test.each(["", "lst", "list phone", "pair", "pair phone shop", "logout phone --code 1", "--all"])(
  'misused as "channel %s" it ends with 2, and says how it is used',
  async (words) => {
    const args = words.split(" ").filter((word) => word !== "");
    expect(await run(args)).toEqual([2, expect.stringMatching(/^minicrm channel takes: list \| pair ID/)]);
  },
);

test("says in words that nobody answers, and that the key is wrong", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  const free = await new Promise<number>((resolve) => {
    other.once("listening", () => resolve((other.address() as AddressInfo).port));
  });
  await new Promise((resolve) => other.close(resolve));
  expect(await run(["list"], { PORT: String(free) })).toEqual([
    1,
    `Mini CRM does not answer at http://127.0.0.1:${free}: start it first, or set HOST and PORT as it has them.\n`,
  ]);
  const [code, output] = await run(["list"], { API_KEY: "another-key-altogether" });
  expect([code, output]).toEqual([1, expect.stringContaining("key")]);
  expect(output).not.toContain("another-key-altogether");
});

test("pairs by QR codes, each drawn when it comes and counted down, until the number is connected", async () => {
  const { linked, seen, output } = startPairing(null);
  expect(await takeOrder()).toMatchObject({ order: "pair", method: "qr", phone: null });
  await shows("qr", "2@first,abc");
  await seen(/Asked to link phone\.[^]*Scan this:[^]*[▀▄█]{10}[^]*It holds for (20|19) s\./);
  await seen(/It holds for 19 s\.[^]*It holds for 18 s\./);
  await shows("qr", "2@second,def");
  await expect.poll(() => output().split("Scan this:").length).toBe(3);
  await signOfLife(backend, { id: "phone", user_name: "Shop Berlin" });
  expect(await linked).toBe(true);
  expect(output()).toMatch(/\nConnected as Shop Berlin\.\n$/);
});

test("between two QR codes nothing has failed", async () => {
  const { linked, seen, output } = startPairing(null);
  await takeOrder();
  await shows("qr", "2@first,abc", 200);
  await seen("Scan this:");
  await expect.poll(async () => (await api().channel("phone")).connection.pairing).toBeNull();
  await shows("qr", "2@second,def");
  await expect.poll(() => output().split("Scan this:").length).toBe(3);
  await signOfLife(backend, { id: "phone" });
  expect(await linked).toBe(true);
});

test("pairs by a code for the phone with the number that was given", async () => {
  const { linked, seen } = startPairing("+49 30 901820");
  expect(await takeOrder()).toMatchObject({ order: "pair", method: "code", phone: "+4930901820" });
  await shows("code", "ABCD-EFGH", 160_000);
  await seen(/Link with phone number instead\. Type this code:\n\n {4}ABCD-EFGH\n\n\rIt holds for 1[56]\d s\./);
  await signOfLife(backend, { id: "phone", user_name: "", device_id: "3EB0AB" });
  await seen("Connected as 3EB0AB.");
  expect(await linked).toBe(true);
});

test("what the number was before the order is not taken for what became of it", async () => {
  await signOfLife(backend, { id: "phone", user_name: "As before" });
  const { linked, output } = startPairing(null);
  await takeOrder();
  await signOfLife(backend, { ...SHOP, state: "logged_out", reason: "The phone has unlinked this device." });
  await shows("qr", "2@first,abc");
  await expect.poll(output).toContain("Scan this:");
  expect(output()).not.toContain("linked:");
  await signOfLife(backend, { id: "phone", user_name: "As it is now" });
  expect(await linked).toBe(true);
  expect(output()).not.toContain("As before");
});

test("says why it was not linked: the codes have expired, or WhatsApp refuses", async () => {
  const expired = startPairing(null, { standsForMs: 100 });
  await shows("qr", "2@first,abc");
  await takeOrder();
  await expired.seen("Scan this:");
  const reason = "The last code has expired before a phone used it: ask for a new one.";
  await signOfLife(backend, { ...SHOP, state: "awaiting_scan", reason });
  expect(await expired.linked).toBe(false);
  expect(expired.output()).toMatch(/\nNot linked: The last code has expired .* ask for a new one\.\n$/);

  const banned = startPairing(null, { standsForMs: 100 });
  await takeOrder();
  await signOfLife(backend, { ...SHOP, state: "banned", reason: "WhatsApp has closed the account" });
  expect(await banned.linked).toBe(false);
  expect(banned.output()).toMatch(/Not linked: WhatsApp has closed the account\. .*ask for a review there\.\n$/);
});

test("does not wait for ever for workers that do not run", async () => {
  await backend.store.processes.gone("w1");
  const { linked, output } = startPairing(null, { standsForMs: 100 });
  expect(await linked).toBe(false);
  expect(output()).toContain("Not linked: No workers process is running. Start the workers");
});
