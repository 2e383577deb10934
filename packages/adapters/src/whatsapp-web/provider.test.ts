import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Media, plainText } from "@mini-crm/core/message/content";
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import type { InboundText, OutgoingMessage, Receipt, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { providerIdOf } from "./sent-messages.ts";
import { openStage, type Stage, until } from "./temporary.ts";

const ANA = "+4915711111111";
const NOBODY = "+4915799999999";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ hurry: 2, name: "Mini Shop" });
});
afterEach(() => stage.end());

function message(id: string, changes: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return { messageId: id, to: ANA, ...plainText(`Hello ${id}`), ...changes };
}

/** What a provider's listeners hear. */
function listen(provider: WhatsAppProvider) {
  const receipts: Receipt[] = [];
  const texts: InboundText[] = [];
  provider.onReceipts(async (batch) => {
    receipts.push(...batch);
  });
  provider.onTexts(async (batch) => {
    texts.push(...batch);
  });
  return { receipts, texts };
}

async function openProvider(owner = "one"): Promise<WhatsAppProvider> {
  const provider = stage.provider(owner);
  await stage.link(provider);
  return provider;
}

describe("linking", () => {
  test("a device that nobody has linked waits for a person, without asking WhatsApp for anything", async () => {
    const provider = stage.provider("one");
    await provider.start();
    expect(provider.health()).toMatchObject({
      state: "awaiting_scan",
      pairing: null,
      reason: expect.stringContaining("ask for a QR code"),
      deviceId: "",
    });
    expect(await provider.send(message("m1"))).toMatchObject({ kind: "session", state: "awaiting_scan" });
  });

  test("a QR code that the phone scans links it, over a restart that WhatsApp asks for", async () => {
    const provider = stage.provider("one");
    await provider.start();
    expect(await provider.pair({ method: "qr", phone: null })).toEqual({ kind: "done" });
    await until(() => provider.health().pairing !== null);
    const { state, pairing } = provider.health();
    expect(state).toBe("awaiting_scan");
    expect(pairing).toMatchObject({ method: "qr", value: expect.stringMatching(/,/) });
    const leftMs = (pairing?.expiresAt ?? 0) - stage.clock.now();
    expect(leftMs).toBeGreaterThan(50_000);
    expect(leftMs).toBeLessThanOrEqual(60_000);
    await stage.fake.scan(pairing?.value ?? "");
    await until(() => provider.health().state === "open");
    expect(provider.health()).toMatchObject({ pairing: null, reason: null, userName: "Mini Shop", standsBy: false });
    expect(provider.health().deviceId).toContain(stage.fake.phone.slice(1));
    expect(stage.fake.devices()).toBe(1);
  });

  test("a code that is typed into the phone links it as well", async () => {
    const provider = stage.provider("one");
    await provider.start();
    await provider.pair({ method: "code", phone: stage.fake.phone });
    await until(() => provider.health().pairing !== null);
    expect(provider.health().pairing).toMatchObject({ method: "code", value: expect.stringMatching(/^[1-9A-Z]{8}$/) });
    await stage.fake.typeCode(provider.health().pairing?.value ?? "");
    await until(() => provider.health().state === "open");
  });

  test("a code needs the phone's number", async () => {
    const provider = stage.provider("one");
    await provider.start();
    expect(await provider.pair({ method: "code", phone: "0157 1" })).toMatchObject({ kind: "refused" });
  });

  test("when the last QR code has expired it says so, and another can be asked for", async () => {
    const provider = stage.provider("one", { socket: { url: stage.fake.url, qrTimeoutMs: 60 } });
    await provider.start();
    await provider.pair({ method: "qr", phone: null });
    const shown = new Set<string>();
    await until(() => {
      const { pairing, reason } = provider.health();
      if (pairing !== null) shown.add(pairing.value);
      return reason?.includes("expired") ?? false;
    });
    expect(shown.size).toBeGreaterThan(2);
    expect(provider.health()).toMatchObject({ state: "awaiting_scan", pairing: null });
    await provider.pair({ method: "qr", phone: null });
    await until(() => provider.health().pairing !== null);
  });

  test("pairing again unlinks the device that was", async () => {
    const provider = await openProvider();
    await provider.pair({ method: "qr", phone: null });
    await until(() => provider.health().pairing !== null && stage.fake.devices() === 0);
    await stage.fake.scan(provider.health().pairing?.value ?? "");
    await until(() => provider.health().state === "open");
    expect(stage.fake.devices()).toBe(1);
  });

  test("logging out tells WhatsApp, forgets the session, and stays so after a restart", async () => {
    const provider = await openProvider();
    expect(await provider.logOut()).toEqual({ kind: "done" });
    expect(provider.health()).toMatchObject({ state: "logged_out", deviceId: "" });
    await until(() => stage.fake.devices() === 0);
    expect(await stage.stored(["auth:creds"])).toEqual({});
    await provider.stop();
    const next = stage.provider("two");
    await next.start();
    expect(next.health().state).toBe("awaiting_scan");
  });
});

describe("the session", () => {
  test("a restart goes on with what is stored, which is sealed", async () => {
    const first = await openProvider();
    await first.stop();
    expect(first.health()).toMatchObject({ state: "stopped", reason: "Stopped." });
    const stored = await stage.stored(["auth:creds"]);
    expect(Object.values(stored).join()).not.toContain("noiseKey");
    const next = stage.provider("two");
    await next.start();
    await until(() => next.health().state === "open");
    expect(await next.send(message("m1"))).toMatchObject({ kind: "accepted" });
    expect(stage.fake.devices()).toBe(1);
  });

  test("where Baileys is not installed it says what to do, and nothing breaks", async () => {
    const missing = Object.assign(new Error("Cannot find package 'baileys'"), { code: "ERR_MODULE_NOT_FOUND" });
    const provider = stage.provider("one", { loadBaileys: () => Promise.reject(missing) });
    await provider.start();
    expect(provider.health()).toMatchObject({ state: "stopped", reason: expect.stringContaining("npm install") });
    expect(await provider.send(message("m1"))).toMatchObject({ kind: "session", reason: expect.stringContaining("baileys") });
    expect(await provider.pair({ method: "qr", phone: null })).toMatchObject({ kind: "refused" });
    await provider.stop();
  });
});

describe("sending", () => {
  test("a message leaves under an identifier that comes from its own", async () => {
    const provider = await openProvider();
    expect(await provider.send(message("m1"))).toEqual({ kind: "accepted", providerId: providerIdOf("m1") });
    expect(providerIdOf("m1")).toMatch(/^3EB0[0-9A-F]{18}$/);
    expect(stage.fake.outbox()).toMatchObject([{ id: providerIdOf("m1"), to: ANA, text: "Hello m1" }]);
  });

  test("a number that is not on WhatsApp is refused for good, and nothing leaves", async () => {
    stage.fake.behave({ unregistered: [NOBODY] });
    const provider = await openProvider();
    const answer = { kind: "permanent", scope: "recipient", code: "not_on_whatsapp" };
    expect(await provider.send(message("m1", { to: NOBODY }))).toMatchObject(answer);
    expect(await provider.send(message("m2"))).toMatchObject({ kind: "accepted" });
    expect(stage.fake.outbox()).toHaveLength(1);
  });

  test("buttons and templates are refused for the whole campaign", async () => {
    const provider = await openProvider();
    const template = { name: "hello", language: "en", parameters: [] };
    const answer = { kind: "permanent", scope: "campaign" };
    expect(await provider.send(message("m1", { buttons: ["Yes"] }))).toMatchObject({ ...answer, code: "buttons_not_supported" });
    expect(await provider.send(message("m2", { template }))).toMatchObject({ ...answer, code: "templates_not_supported" });
  });

  test("what WhatsApp never acknowledges is unknown; an answer that comes late is a receipt", async () => {
    stage.fake.behave({ ack: "none" });
    const provider = await openProvider();
    const { receipts } = listen(provider);
    expect(await provider.send(message("m1"))).toMatchObject({ kind: "unknown" });
    stage.fake.acknowledge(providerIdOf("m1"), "accepted");
    await until(() => receipts.some(({ messageId, status }) => messageId === "m1" && status === "SENT"));
  });

  test("a connection that ends after the message was written leaves its outcome unknown", async () => {
    stage.fake.behave({ ack: "none" });
    const provider = await openProvider();
    const answer = provider.send(message("m1"));
    await until(() => stage.fake.outbox().length === 1);
    stage.fake.dropAll();
    expect(await answer).toEqual({ kind: "unknown", reason: "The connection ended before WhatsApp had answered." });
  });

  test("a refusal says what it means", async () => {
    stage.fake.behave({ ack: "refused", refusal: 479 });
    const provider = await openProvider();
    expect(await provider.send(message("m1"))).toMatchObject({ kind: "retryable", scope: "recipient", code: "whatsapp_479" });
    stage.fake.behave({ ack: "accepted" });
    expect(await provider.send(message("m1"))).toMatchObject({ kind: "accepted" });
  });

  test("an account that may begin no new chats is restricted until WhatsApp says", async () => {
    const provider = await openProvider();
    const restrictedUntil = Math.ceil(stage.clock.now() / 1_000) * 1_000 + 600_000;
    stage.fake.restrict(restrictedUntil);
    stage.fake.behave({ ack: "refused", refusal: 463 });
    await until(() => provider.health().state === "restricted");
    expect(provider.health().until).toBe(restrictedUntil);
    expect(await provider.send(message("m1"))).toMatchObject({ kind: "session", state: "restricted" });
    stage.fake.restrict(null);
    await until(() => provider.health().state === "open");
    expect(await provider.send(message("m1"))).toMatchObject({ kind: "retryable", code: "whatsapp_463" });
  });

  test("a device that cannot read a message gets it again under the same identifier", async () => {
    stage.fake.behave({ unreadable: true, receipts: "delivered" });
    const provider = await openProvider();
    const { receipts } = listen(provider);
    await provider.send(message("m1"));
    await until(() => receipts.some(({ messageId, status }) => messageId === "m1" && status === "DELIVERED"));
    expect(new Set(stage.fake.outbox().map(({ id }) => id))).toEqual(new Set([providerIdOf("m1")]));
  });
});

describe("receipts", () => {
  test("delivered and read come by the message's own identifier, however often WhatsApp says them", async () => {
    stage.fake.behave({ receipts: "read", copies: 2 });
    const provider = await openProvider();
    const { receipts } = listen(provider);
    await provider.send(message("m1"));
    await until(() => receipts.some(({ status }) => status === "READ"));
    expect(receipts.every(({ messageId }) => messageId === "m1")).toBe(true);
    expect(receipts.map(({ status }) => status)).toContain("DELIVERED");
  });

  test("a receipt that nobody heard comes after a restart, though WhatsApp thinks it was told", async () => {
    const deaf = await openProvider("one");
    let refusals = 0;
    deaf.onReceipts(async () => {
      refusals += 1;
      throw new Error("not now");
    });
    await deaf.send(message("m1"));
    stage.fake.receipt(providerIdOf("m1"), "read");
    await until(() => refusals > 1);
    await deaf.stop();
    const next = stage.provider("two");
    const { receipts } = listen(next);
    await next.start();
    await until(() => receipts.length > 0);
    expect(receipts).toMatchObject([{ messageId: "m1", status: "READ" }]);
  });
});

describe("what people write", () => {
  test("a STOP is heard with who and when, from a number and from an identifier of WhatsApp's own", async () => {
    const provider = await openProvider();
    const { texts } = listen(provider);
    const at = Math.floor(stage.clock.now() / 1_000) * 1_000;
    const id = await stage.fake.receive({ from: ANA, text: "STOP", name: "Ana", at });
    await stage.fake.receive({ from: ANA, text: "Stop!", lid: true, at });
    await until(() => texts.length === 2);
    expect(texts[0]).toMatchObject({ providerId: id, from: ANA, name: "Ana", text: "STOP", wish: null, at });
    expect(texts[1]).toMatchObject({ from: ANA, userId: expect.stringMatching(/@lid$/), name: null, text: "Stop!" });
    await until(() => stage.fake.unconfirmed().length === 0);
  });

  test("a text that nobody heard comes after a restart, though WhatsApp was told that it arrived", async () => {
    const deaf = await openProvider("one");
    let refusals = 0;
    deaf.onTexts(async () => {
      refusals += 1;
      throw new Error("not now");
    });
    await stage.fake.receive({ from: ANA, text: "STOP" });
    await until(() => refusals > 1 && stage.fake.unconfirmed().length === 0);
    await deaf.stop();
    const next = stage.provider("two");
    const { texts } = listen(next);
    await next.start();
    await until(() => texts.length > 0);
    expect(texts).toMatchObject([{ from: ANA, text: "STOP" }]);
  });

  test("a text is kept in the transaction in which its key is used up, and only then confirmed", async () => {
    const writes: string[][] = [];
    let isStuck = false;
    const sessions: SessionStore = {
      ...stage.sessions,
      hold: async (request) => (isStuck ? { kind: "elsewhere", owner: "nobody", until: 0 } : stage.sessions.hold(request)),
      write(request) {
        const keys = Object.keys(request.entries);
        writes.push(keys);
        const isOfText = keys.some((key) => key.startsWith("texts:"));
        return isStuck && isOfText ? new Promise(() => {}) : stage.sessions.write(request);
      },
    };
    const provider = stage.provider("one", { sessions });
    await stage.link(provider);
    const { texts } = listen(provider);
    await stage.fake.receive({ from: ANA, text: "Hello" });
    await until(() => texts.length === 1);
    const ofText = writes.find((keys) => keys.includes("texts:0")) ?? [];
    expect(ofText.some((key) => key.startsWith("auth:session:"))).toBe(true);
    await until(() => stage.fake.unconfirmed().length === 0);

    isStuck = true;
    const id = await stage.fake.receive({ from: ANA, text: "STOP" });
    await until(() => writes.some((keys) => keys.includes("texts:1")));
    expect(stage.fake.unconfirmed()).toEqual([id]);
    stage.kill("one");
    const next = stage.provider("two");
    const heard = listen(next).texts;
    await next.start();
    await until(() => heard.length > 0);
    expect(heard).toMatchObject([{ providerId: id, text: "STOP" }]);
  });

  test("one's own words, from the phone or another device, are nobody's answer", async () => {
    const provider = await openProvider();
    const { texts } = listen(provider);
    await provider.send(message("m1"));
    await stage.fake.receive({ from: ANA, text: "Hello" });
    await until(() => texts.length > 0);
    expect(texts.map(({ text }) => text)).toEqual(["Hello"]);
  });
});

describe("images and documents", () => {
  const bytes = Buffer.from("not really a picture");
  let fetched: string[];
  let server: Server;
  let origin: string;
  beforeEach(async () => {
    fetched = [];
    server = createServer((request, response) => {
      fetched.push(request.url ?? "");
      if (request.url === "/gone") response.writeHead(404).end();
      else if (request.url === "/moved") response.writeHead(302, { location: "/menu.pdf" }).end();
      else response.writeHead(200, { "content-type": request.url === "/image" ? "image/png" : "application/pdf" }).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  const image = (path: string): Media => ({ kind: "image", link: `${origin}${path}`, filename: null });

  test("an image leaves with its caption, and is fetched and uploaded once for many", async () => {
    const provider = await openProvider();
    for (const id of ["m1", "m2"]) {
      expect(await provider.send(message(id, { media: image("/image") }))).toMatchObject({ kind: "accepted" });
    }
    expect(fetched).toEqual(["/image"]);
    const media = { kind: "image", mimetype: "image/png", filename: null };
    expect(stage.fake.outbox()).toMatchObject([
      { text: "Hello m1", media },
      { text: "Hello m2", media },
    ]);
    expect(Buffer.from(stage.fake.outbox()[0]?.media?.bytes ?? [])).toEqual(bytes);
  });

  test("a document leaves under its name, also from where the link leads on to", async () => {
    const provider = await openProvider();
    const media: Media = { kind: "document", link: `${origin}/moved`, filename: "Menu.pdf" };
    expect(await provider.send(message("m1", { media }))).toMatchObject({ kind: "accepted" });
    expect(stage.fake.outbox()).toMatchObject([
      { media: { kind: "document", filename: "Menu.pdf", mimetype: "application/pdf" } },
    ]);
  });

  test.each([
    ["/gone", "it answers 404"],
    ["/menu.pdf", "which is no image"],
  ])("an image from %s is refused for the whole campaign, with the reason, and is not fetched for each", async (path, reason) => {
    const provider = await openProvider();
    for (const id of ["m1", "m2"]) {
      const answer = await provider.send(message(id, { media: image(path) }));
      expect(answer).toMatchObject({ kind: "permanent", scope: "campaign", code: "media_unavailable" });
      expect(answer).toMatchObject({ reason: expect.stringContaining(reason) });
    }
    expect(fetched).toEqual([path]);
    expect(stage.fake.outbox()).toEqual([]);
  });

  test("nobody can make this machine fetch from its own network", async () => {
    const provider = stage.provider("one", { toPrivateAddresses: false });
    await stage.link(provider);
    for (const link of [`${origin}/image`, origin.replace("127.0.0.1", "localhost"), "file:///etc/passwd"]) {
      const answer = await provider.send(message(link, { media: { kind: "image", link, filename: null } }));
      expect(answer).toMatchObject({ kind: "permanent", code: "media_unavailable" });
    }
    expect(fetched).toEqual([]);
  });
});
