/** Owns the contract of contacts: who wrote to a channel when, and under which name WhatsApp knows them. */
import { describe, expect, test } from "vitest";
import type { Store } from "../../ports/store.ts";
import { NOW } from "../samples.ts";
import { hear, inbound } from "./world.ts";

const [ANA, BEN, CAN] = ["+14155550000", "+14155550001", "+14155550002"] as const;

export function describeContacts(store: () => Store): void {
  const lastTexts = (channelId = "default") => store().contacts.lastTexts(channelId, [ANA, BEN, CAN]);

  describe("who wrote to a channel", () => {
    test("is known with the time of the last text, in whatever order they are heard", async () => {
      await hear(store(), [inbound("one", { from: ANA, at: NOW + 5 }), inbound("two", { from: ANA, at: NOW + 3 })]);
      await hear(store(), [inbound("three", { from: ANA, at: NOW + 4 }), inbound("Hi", { from: BEN, at: NOW + 9 })]);
      expect(await lastTexts()).toEqual({ [ANA]: NOW + 5, [BEN]: NOW + 9 });
      expect(await lastTexts("other")).toEqual({});
      expect(await store().contacts.lastTexts("default", [])).toEqual({});
      await hear(store(), [inbound("four", { from: ANA, at: NOW + 6 })]);
      expect(await lastTexts()).toEqual({ [ANA]: NOW + 6, [BEN]: NOW + 9 });
    });

    test("is nobody who only used WhatsApp's own controls", async () => {
      await hear(store(), [inbound("one", { from: ANA, at: NOW }), inbound("Stop", { from: ANA, at: NOW + 2, wish: "stop" })]);
      await hear(store(), [inbound("Resume", { from: ANA, at: NOW + 5, wish: "start" })]);
      await hear(store(), [inbound("Stop", { from: BEN, at: NOW + 3, wish: "stop" })]);
      await hear(store(), [
        inbound("Stop", { from: CAN, at: NOW + 3, wish: "stop" }),
        inbound("two", { from: CAN, at: NOW + 4 }),
      ]);
      expect(await lastTexts()).toEqual({ [ANA]: NOW, [CAN]: NOW + 4 });
      await hear(store(), [inbound("STOP", { from: BEN, at: NOW + 6, wish: null })]);
      expect(await lastTexts()).toEqual({ [ANA]: NOW, [BEN]: NOW + 6, [CAN]: NOW + 4 });
    });

    test("is no recipient for that", async () => {
      await hear(store(), [inbound("one", { from: ANA, at: NOW })]);
      expect((await store().contacts.recipientUse("default", NOW + 1)).recipients).toBe(0);
    });

    test("counts once for each text, however often it is heard", async () => {
      const text = inbound("one", { from: ANA, at: NOW });
      await hear(store(), [text]);
      await hear(store(), [{ ...text, at: NOW + 9 }]);
      expect(await lastTexts()).toEqual({ [ANA]: NOW });
    });
  });

  describe("WhatsApp's own name for somebody", () => {
    const phonesOf = (...userIds: string[]) => store().contacts.phonesOf("default", userIds);

    test("leads to their number, once both were told together", async () => {
      await hear(store(), [inbound("one", { from: ANA, user_id: "u1" }), inbound("two", { from: BEN })]);
      expect(await phonesOf("u1", "u2")).toEqual({ u1: ANA });
      await hear(store(), [inbound("three", { from: BEN, user_id: "u2" }), inbound("four", { from: ANA, user_id: null })]);
      expect(await phonesOf("u1", "u2")).toEqual({ u1: ANA, u2: BEN });
      expect(await phonesOf()).toEqual({});
      expect(await store().contacts.phonesOf("other", ["u1"])).toEqual({});
    });

    test("is told by WhatsApp's own controls as well", async () => {
      await hear(store(), [inbound("Stop", { from: ANA, user_id: "u1", wish: "stop" })]);
      expect(await phonesOf("u1")).toEqual({ u1: ANA });
    });

    test("leads to the number that they wrote from last", async () => {
      await hear(store(), [
        inbound("new", { from: BEN, user_id: "u1", at: NOW + 5 }),
        inbound("old", { from: ANA, user_id: "u1", at: NOW + 4 }),
      ]);
      expect(await phonesOf("u1")).toEqual({ u1: BEN });
    });

    test("alone tells of nobody", async () => {
      await hear(store(), [inbound("one", { from: "user:u1", user_id: "u1" })]);
      expect(await phonesOf("u1")).toEqual({});
      expect(await store().contacts.lastTexts("default", ["user:u1"])).toEqual({});
    });
  });
}
