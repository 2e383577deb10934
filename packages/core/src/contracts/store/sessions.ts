/** Owns the contract of the sessions of linked devices: one owner at a time, and entries that only the owner writes. */
import { describe, expect, test } from "vitest";
import type { Store } from "../../ports/store.ts";
import { NOW } from "../samples.ts";
import { LEASE_MS } from "./world.ts";

const ID = "web";

export function describeSessions(store: () => Store): void {
  const hold = (owner: string, { now = NOW, wants = false, channel_id = ID } = {}) =>
    store().sessions.hold({ channel_id, owner, wants, leaseMs: LEASE_MS, now });
  const write = (entries: Record<string, string | null>, { owner = "w1", now = NOW, channel_id = ID } = {}) =>
    store().sessions.write({ channel_id, owner, entries, now });
  const clear = (prefix: string, { owner = "w1", now = NOW } = {}) =>
    store().sessions.clear({ channel_id: ID, owner, prefix, now });

  describe("a session", () => {
    test("is one process's until its lease ends, and goes on while it comes back", async () => {
      expect(await hold("w1")).toEqual({ kind: "held", isWanted: false });
      expect(await hold("w2")).toEqual({ kind: "elsewhere", owner: "w1", until: NOW + LEASE_MS });
      expect(await hold("w2", { channel_id: "other" })).toMatchObject({ kind: "held" });
      const later = NOW + LEASE_MS - 1;
      expect(await hold("w1", { now: later })).toEqual({ kind: "held", isWanted: false });
      expect(await hold("w2", { now: later + 1 })).toEqual({ kind: "elsewhere", owner: "w1", until: later + LEASE_MS });
      expect(await hold("w2", { now: later + LEASE_MS })).toEqual({ kind: "held", isWanted: false });
      expect(await hold("w1", { now: later + LEASE_MS })).toMatchObject({ kind: "elsewhere", owner: "w2" });
    });

    test("is one process's where several come at once", async () => {
      const holds = await Promise.all(["w1", "w2", "w3", "w4"].map((owner) => hold(owner)));
      expect(holds.filter(({ kind }) => kind === "held")).toHaveLength(1);
    });

    test("is let go only by its owner, and then is free at once", async () => {
      await hold("w1");
      await store().sessions.letGo(ID, "w2");
      expect(await hold("w2")).toMatchObject({ kind: "elsewhere" });
      await store().sessions.letGo(ID, "w1");
      expect(await hold("w2")).toEqual({ kind: "held", isWanted: false });
    });

    test("tells its owner that another process wants it, for ten seconds and for as long as it is the owner's", async () => {
      await hold("w1");
      await hold("w2");
      expect(await hold("w1", { now: NOW + 1 })).toEqual({ kind: "held", isWanted: false });
      await hold("w2", { now: NOW + 1, wants: true });
      expect(await hold("w1", { now: NOW + 10_000 })).toEqual({ kind: "held", isWanted: true });
      expect(await hold("w1", { now: NOW + 10_001 })).toEqual({ kind: "held", isWanted: false });
      await hold("w2", { now: NOW + 10_002, wants: true });
      await store().sessions.letGo(ID, "w1");
      expect(await hold("w2", { now: NOW + 10_003 })).toEqual({ kind: "held", isWanted: false });
    });

    test("of a process that died is free at once, and nobody else's is", async () => {
      await hold("w1");
      await hold("w2", { channel_id: "other" });
      await write({ creds: "a" });
      await store().processes.died("w1", NOW + 1);
      expect(await write({ creds: "late" }, { now: NOW + 1 })).toBe(false);
      expect(await hold("w3", { now: NOW + 1 })).toEqual({ kind: "held", isWanted: false });
      expect(await hold("w3", { now: NOW + 1, channel_id: "other" })).toMatchObject({ kind: "elsewhere", owner: "w2" });
      expect(await store().sessions.read(ID, ["creds"])).toEqual({ creds: "a" });
    });
  });

  describe("the entries of a session", () => {
    test("are written all together, and answer those that there are", async () => {
      await hold("w1");
      expect(await write({ creds: "a", "pre-key:1": "b", "pre-key:2": "c" })).toBe(true);
      expect(await write({ creds: "d", "pre-key:1": null, "pre-key:9": null })).toBe(true);
      const keys = ["creds", "pre-key:1", "pre-key:2", "pre-key:9"];
      expect(await store().sessions.read(ID, keys)).toEqual({ creds: "d", "pre-key:2": "c" });
      expect(await store().sessions.read(ID, [])).toEqual({});
      expect(await store().sessions.read("other", keys)).toEqual({});
    });

    test("are written only by whoever has the session then", async () => {
      expect(await write({ creds: "a" })).toBe(false);
      await hold("w1");
      expect(await write({ creds: "b" }, { owner: "w2" })).toBe(false);
      expect(await write({ creds: "c" }, { now: NOW + LEASE_MS })).toBe(false);
      expect(await clear("", { owner: "w2" })).toBe(false);
      expect(await store().sessions.read(ID, ["creds"])).toEqual({});
      expect(await write({ creds: "d" }, { now: NOW + LEASE_MS - 1 })).toBe(true);
      expect(await clear("", { now: NOW + LEASE_MS })).toBe(false);
      expect(await store().sessions.read(ID, ["creds"])).toEqual({ creds: "d" });
    });

    test("outlive their owner", async () => {
      await hold("w1");
      await write({ creds: "a" });
      await store().sessions.letGo(ID, "w1");
      await hold("w2");
      expect(await store().sessions.read(ID, ["creds"])).toEqual({ creds: "a" });
      expect(await write({ creds: "b" }, { owner: "w2" })).toBe(true);
    });

    test("go by how their keys begin, to the letter, and only those of one session", async () => {
      await hold("w1");
      await hold("w1", { channel_id: "other" });
      const entries = { "a:1": "x", "a:2": "x", "A:1": "x", "a%": "x", "b:1": "x" };
      await write(entries);
      await write(entries, { channel_id: "other" });
      const left = async (id = ID) => Object.keys(await store().sessions.read(id, Object.keys(entries))).toSorted();
      expect(await clear("a:")).toBe(true);
      expect(await left()).toEqual(["A:1", "a%", "b:1"]);
      await clear("a%");
      await clear("_");
      expect(await left()).toEqual(["A:1", "b:1"]);
      await clear("");
      expect(await left()).toEqual([]);
      expect(await left("other")).toEqual(Object.keys(entries).toSorted());
    });

    test("can be many, and large", async () => {
      await hold("w1");
      const many = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`pre-key:${index}`, "k".repeat(300)]));
      const large = { creds: "c".repeat(200_000) };
      expect(await write({ ...many, ...large })).toBe(true);
      expect(await store().sessions.read(ID, [...Object.keys(many), "creds"])).toEqual({ ...many, ...large });
    });
  });
}
