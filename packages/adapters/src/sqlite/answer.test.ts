/** Proves that what the surroundings do to a database crosses from its thread as data. */
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { expect, test } from "vitest";
import { batchesOf } from "../embedded-bus/log.ts";
import { answerOn } from "./answer.ts";
import { openConnection } from "./connection.ts";
import { migrate } from "./schema.ts";
import { createVerbs } from "./verbs.ts";

test("a full disk is told as such, what was to be written is undone, and with room it goes on", () => {
  const connection = openConnection(":memory:", "read-write");
  migrate(connection.db, Date.now());
  const verbs = createVerbs(connection, virtualClock());
  const job = { version: 1 as const, campaign_id: "c".repeat(100_000), after: null };
  const publish = batchesOf([{ topic: "campaign.jobs", key: "c", value: job }]);
  const write = () => answerOn(() => verbs, { verb: "commit", args: [{ steps: [], publish, consumed: null, now: 0 }] });
  const limitPages = (pages: number) => connection.db.exec(`PRAGMA max_page_count = ${pages}`);

  limitPages(1); // Means: no more than there are.
  expect(write()).toEqual({ ok: false, code: "STORE_FULL", message: "The disk is full.", retryable: true });
  expect(connection.db.isTransaction).toBe(false);
  limitPages(1_000_000);
  expect(write()).toMatchObject({ ok: true });
  connection.close();
});
