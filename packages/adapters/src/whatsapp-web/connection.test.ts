import type { ConnectionState } from "@mini-crm/core/channel/connection";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CloseCode } from "./fake-server/fake-server.ts";
import { openStage, type Stage, until } from "./temporary.ts";

let stage: Stage;
let provider: WhatsAppProvider;
let states: ConnectionState[];
beforeEach(async () => {
  stage = await openStage({ hurry: 4 });
  states = [];
  const log = {
    info(details: object) {
      if ("state" in details) states.push(details.state as ConnectionState);
    },
  };
  provider = stage.provider("one", { log });
  await stage.link(provider);
  states.length = 0;
});
afterEach(() => stage.end());

const state = () => provider.health().state;

test("515 connects anew at once", async () => {
  const logins = stage.fake.logins();
  stage.fake.close(515);
  await until(() => stage.fake.logins() === logins + 1 && state() === "open");
  expect(states).toEqual(["connecting", "open"]);
});

test.each<CloseCode>([408, 428, 503])("%i comes back after a while, and says when", async (code) => {
  stage.fake.behave({ refuseLogins: code });
  stage.fake.close(code);
  await until(() => state() === "reconnecting");
  const { until: at, reason } = provider.health();
  const waitMs = (at ?? 0) - stage.clock.now();
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(1_000);
  expect(reason).not.toBe("");
  stage.fake.behave({ refuseLogins: null });
  await until(() => state() === "open");
  expect(provider.health()).toMatchObject({ reason: null, until: null });
});

test("a connection that breaks off comes back, and each failed try makes the next one later", async () => {
  stage.fake.behave({ refuseLogins: 503 });
  stage.fake.dropAll();
  await until(() => states.filter((each) => each === "reconnecting").length === 4);
  expect((provider.health().until ?? 0) - stage.clock.now()).toBeGreaterThan(3_000);
  stage.fake.behave({ refuseLogins: null });
  await until(() => state() === "open");
});

test("500 is tried again three times, then only pairing again helps", async () => {
  stage.fake.behave({ refuseLogins: 500 });
  stage.fake.close(500);
  await until(() => state() === "auth_invalid");
  expect(states.filter((each) => each === "reconnecting")).toHaveLength(3);
  expect(provider.health().reason).toContain("pair again");
  stage.fake.behave({ refuseLogins: null });
  await provider.pair({ method: "qr", phone: null });
  await until(() => provider.health().pairing !== null);
});

test("440 stops: another program has the device, and fighting over it helps nobody", async () => {
  const logins = stage.fake.logins();
  stage.fake.close(440);
  await until(() => state() === "replaced");
  expect(provider.health().reason).toContain("Another program");
  expect(stage.fake.logins()).toBe(logins);
});

test("401 forgets the session, which the phone has unlinked", async () => {
  stage.fake.close(401);
  await until(() => state() === "logged_out");
  await expect.poll(() => stage.stored(["auth:creds"])).toEqual({});
  expect(provider.health()).toMatchObject({ deviceId: "", reason: expect.stringContaining("unlinked") });
});

test("402 rests until WhatsApp lets the number send again, then comes back", async () => {
  stage.fake.behave({ banSeconds: 4, refuseLogins: 402 });
  stage.fake.close(402);
  await until(() => state() === "restricted");
  const leftMs = (provider.health().until ?? 0) - stage.clock.now();
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(4_000);
  expect(provider.health().reason).toContain("too many messages");
  stage.fake.behave({ refuseLogins: null });
  await until(() => state() === "open");
});

test.each<[CloseCode, ConnectionState, string]>([
  [403, "banned", "closed the account"],
  [405, "auth_invalid", "update Mini CRM"],
  [406, "auth_invalid", "refuses this device"],
  [411, "auth_invalid", "update the app on the phone"],
])("%i stops as %s, and says why", async (code, expected, reason) => {
  const logins = stage.fake.logins();
  stage.fake.close(code);
  await until(() => state() === expected);
  expect(provider.health().reason).toContain(reason);
  expect(stage.fake.logins()).toBe(logins);
});

test("a state stays until a person acts: the session is kept all the same, for another try", async () => {
  stage.fake.close(403);
  await until(() => state() === "banned");
  await provider.stop();
  expect(state()).toBe("stopped");
  await provider.start();
  await until(() => state() === "open");
});
