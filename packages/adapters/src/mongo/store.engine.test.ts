/** Proves the `Store` contract on the MongoDB server that `MONGODB_URL` names: on one database, emptied for every test. */
import { describeStore } from "@mini-crm/core/contracts/store";
import { afterAll } from "vitest";
import { openTemporaryMongo } from "./temporary.ts";

const temporary = await openTemporaryMongo();
afterAll(temporary.close);

describeStore("MongoDB", async () => {
  await temporary.empty();
  return { store: temporary.store, close: async () => {} };
});
