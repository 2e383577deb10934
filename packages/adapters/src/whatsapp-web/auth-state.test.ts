import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import * as baileys from "baileys";
import { beforeEach, expect, test } from "vitest";
import { forgetAuth, isLinked, keysWithText, openAuthState } from "./auth-state.ts";
import type { SessionEntries } from "./session-entries.ts";

const clock = virtualClock();
const stored = new Map<string, string>();
let writes: { keys: string[]; texts: InboundText[] }[] = [];
let failure: Error | null = null;
let reads = 0;

const entries: SessionEntries = {
  async read(keys) {
    reads += 1;
    return new Map(keys.flatMap((key) => (stored.has(key) ? [[key, stored.get(key) ?? ""]] : [])));
  },
  async write(changes) {
    if (failure !== null) throw failure;
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) stored.delete(key);
      else stored.set(key, value);
    }
  },
  async clear(prefix) {
    for (const key of stored.keys()) if (key.startsWith(prefix)) stored.delete(key);
  },
};

function open() {
  return openAuthState({
    ...{ baileys, clock, entries },
    async keepTexts(texts, changes) {
      writes.push({ keys: Object.keys(changes), texts: [...texts] });
      await entries.write(changes);
    },
  });
}

beforeEach(() => {
  stored.clear();
  writes = [];
  failure = null;
  reads = 0;
});

test("a device that was never stored is a new one, which nobody has linked", async () => {
  const { creds } = await open();
  expect(isLinked(creds)).toBe(false);
  expect(creds.noiseKey.private).toHaveLength(32);
});

test("credentials and keys come back as they were, bytes and all", async () => {
  const first = await open();
  first.creds.me = { id: "4915700000001:1@s.whatsapp.net" };
  first.credsChanged();
  const keyData = baileys.proto.Message.AppStateSyncKeyData.fromObject({ keyData: Buffer.from("k") });
  await first.keys.set({
    session: { "1.0": Buffer.from([1, 2, 3]) },
    "device-list": { "1": ["0", "12"] },
    "app-state-sync-key": { a: keyData },
  });
  const next = await open();
  expect(next.creds).toEqual(first.creds);
  expect(await next.keys.get("session", ["1.0", "2.0"])).toEqual({ "1.0": Buffer.from([1, 2, 3]) });
  expect(await next.keys.get("device-list", ["1"])).toEqual({ "1": ["0", "12"] });
  const { a } = await next.keys.get("app-state-sync-key", ["a"]);
  expect(a?.keyData).toEqual(Buffer.from("k"));
});

test("credentials that change with keys are written in one transaction with them", async () => {
  const auth = await open();
  auth.credsChanged();
  await auth.keys.set({ "pre-key": { 1: { public: Buffer.from("p"), private: Buffer.from("s") } } });
  await clock.advance(1_000);
  expect(writes.map(({ keys }) => keys)).toEqual([["auth:pre-key:1", "auth:creds"]]);
});

test("credentials that change alone are written soon, or when it is asked for", async () => {
  const auth = await open();
  auth.credsChanged();
  auth.credsChanged();
  expect(writes).toEqual([]);
  await clock.advance(50);
  expect(writes.map(({ keys }) => keys)).toEqual([["auth:creds"]]);
  auth.credsChanged();
  await auth.flush();
  expect(writes).toHaveLength(2);
});

test("a text goes in the transaction of the keys that its decryption used up", async () => {
  const auth = await open();
  const logger: baileys.SocketConfig["logger"] = {
    level: "silent",
    child: () => logger,
    ...{ trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  };
  const keys = baileys.addTransactionCapability(auth.keys, logger, { maxCommitRetries: 1, delayBetweenTriesMs: 0 });
  const text: InboundText = { providerId: "3A", from: "+49151", userId: null, name: null, text: "STOP", wish: null, at: 1 };
  await keys.transaction(async () => {
    await keys.set({ session: { "1.0": Buffer.from("used") } });
    await keys.set(keysWithText(text));
  }, "1");
  expect(writes).toEqual([{ keys: ["auth:session:1.0"], texts: [text] }]);
});

test("keys that could not be written are not taken for known", async () => {
  const auth = await open();
  await auth.keys.set({ session: { "1.0": Buffer.from("old") } });
  failure = new Error("The session is another's");
  await expect(auth.keys.set({ session: { "1.0": Buffer.from("new") } })).rejects.toThrow("another's");
  expect(await auth.keys.get("session", ["1.0"])).toEqual({ "1.0": Buffer.from("old") });
  auth.credsChanged();
  await auth.flush();
});

test("what was read or written is not read again, also where there is nothing", async () => {
  const auth = await open();
  await auth.keys.set({ session: { "1.0": Buffer.from("a") } });
  const before = reads;
  for (let round = 0; round < 3; round += 1) await auth.keys.get("session", ["1.0", "2.0"]);
  expect(reads - before).toBe(1);
});

test("a device that is forgotten leaves nothing but what else is stored", async () => {
  const auth = await open();
  auth.credsChanged();
  await auth.keys.set({ session: { "1.0": Buffer.from("a") } });
  stored.set("texts", "[0,0]");
  await forgetAuth(entries);
  expect([...stored.keys()]).toEqual(["texts"]);
});
