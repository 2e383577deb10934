/** Proves the `Store` contract on SQLite: on one database with its threads, emptied for every test. */
import { describeStore } from "@mini-crm/core/contracts/store";
import { afterAll } from "vitest";
import { openTemporary } from "./temporary.ts";

const temporary = await openTemporary();
afterAll(temporary.close);

describeStore("SQLite", async () => {
  temporary.empty();
  return { store: temporary.store, close: async () => {} };
});
