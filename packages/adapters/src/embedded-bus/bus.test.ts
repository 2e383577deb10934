/** Proves the `EventBus` contract on the embedded log, each connection with threads of its own on one file. */
import { describeEventBus } from "@mini-crm/core/contracts/event-bus";
import { openDatabase } from "../sqlite/database.ts";
import { openTemporary } from "../sqlite/temporary.ts";
import { systemClock } from "../system-clock/system-clock.ts";
import { embeddedBus } from "./bus.ts";

describeEventBus("the embedded log", async () => {
  const { store, file, close } = await openTemporary();
  const opened: (() => Promise<void>)[] = [close];
  return {
    store,
    async connect() {
      const database = await openDatabase(file);
      const bus = embeddedBus({
        database,
        clock: systemClock(),
        owner: `process ${opened.length}`,
        backoff: { firstMs: 5, mostMs: 20, tries: 3 },
      });
      opened.push(async () => {
        await bus.close();
        await database.close();
      });
      return bus;
    },
    async close() {
      for (const closeOne of opened.reverse()) await closeOne();
    },
  };
});
