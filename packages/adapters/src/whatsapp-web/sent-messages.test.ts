import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { expect, test } from "vitest";
import { providerIdOf, sentMessages } from "./sent-messages.ts";
import type { SessionEntries } from "./session-entries.ts";

const DAY_MS = 86_400_000;

function setup() {
  const stored = new Map<string, string>();
  const clock = virtualClock();
  const entries: SessionEntries = {
    read: async (keys) => new Map(keys.flatMap((key) => (stored.has(key) ? [[key, stored.get(key) ?? ""]] : []))),
    async write(changes) {
      for (const [key, value] of Object.entries(changes)) if (value !== null) stored.set(key, value);
    },
    async clear(prefix) {
      for (const key of stored.keys()) if (key.startsWith(prefix)) stored.delete(key);
    },
  };
  return { stored, clock, entries, open: () => sentMessages(clock, entries) };
}

const message = (messageId: string) => ({ messageId, content: "aGk=" });

test("a message has one identifier at WhatsApp, whoever asks and however often, and another one has another", () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => providerIdOf(`message ${index}`));
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.every((id) => /^3EB0[0-9A-F]{18}$/.test(id))).toBe(true);
  expect(providerIdOf("message 0")).toBe(ids[0]);
});

test("whoever has the session later finds it too, for eight days", async () => {
  const { open, clock } = setup();
  await open().remember("3EB0A", message("m1"));
  await clock.advance(8 * DAY_MS);
  expect(await open().find(["3EB0A", "3EB0B"])).toEqual(new Map([["3EB0A", message("m1")]]));
  await clock.advance(DAY_MS);
  expect(await open().find(["3EB0A"])).toEqual(new Map());
});

test("what is too old is taken away when the next message is sent, also after a long sleep", async () => {
  const { open, clock, stored } = setup();
  const sent = open();
  await sent.remember("3EB0A", message("m1"));
  await clock.advance(5 * DAY_MS);
  await sent.remember("3EB0B", message("m2"));
  await clock.advance(4 * DAY_MS);
  await sent.remember("3EB0C", message("m3"));
  await clock.advance(0);
  const kept = () => [...stored.keys()].filter((key) => key.startsWith("sent:")).map((key) => key.split(":")[2]);
  expect(kept()).toEqual(["3EB0B", "3EB0C"]);
  await clock.advance(30 * DAY_MS);
  await open().remember("3EB0D", message("m4"));
  await clock.advance(0);
  expect(kept()).toEqual(["3EB0D"]);
});
