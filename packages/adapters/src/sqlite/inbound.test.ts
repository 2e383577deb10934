import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { NOW } from "@mini-crm/core/contracts/samples";
import { sending } from "@mini-crm/core/contracts/store/world";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openConnection } from "./connection.ts";
import { reactionsOf } from "./inbound.ts";
import { openTemporary } from "./temporary.ts";

let temporary: Awaited<ReturnType<typeof openTemporary>>;
beforeEach(async () => {
  temporary = await openTemporary();
});
afterEach(() => temporary.close());

let texts = 0;
/** The recipient `index` of the sample leads writes `text`. */
async function answer(index: number, text: string): Promise<void> {
  texts += 1;
  const from = `+1415555${String(index).padStart(4, "0")}`;
  const event = {
    version: 1,
    provider_id: `in-${texts}`,
    channel_id: "default",
    from,
    name: null,
    text,
    at: NOW + texts,
  } as const;
  await temporary.store.carryOut([{ step: "hear", input: { texts: [event], now: NOW + texts } }]);
}

function reactions({ _id }: Campaign) {
  const connection = openConnection(temporary.file, "read-only");
  const read = reactionsOf(connection, _id);
  connection.close();
  return read;
}

test("each recipient counts once as having replied and once as having opted out", async () => {
  const { campaign } = await sending(temporary.store, 4);
  expect(reactions(campaign)).toEqual([]);
  await answer(0, "Thanks!");
  await answer(0, "See you");
  await answer(1, "STOP");
  await answer(1, "STOP");
  await answer(2, "When?");
  await answer(2, "stop please");
  await answer(9, "STOP");
  expect(reactions(campaign)).toEqual([{ variant: 0, replied: 3, opted_out: 2 }]);
});

test("a campaign that is removed takes its reactions along", async () => {
  const { campaign } = await sending(temporary.store, 1);
  await answer(0, "Thanks!");
  await temporary.store.carryOut([{ step: "steer", input: { campaign_id: campaign._id, command: "cancel", now: NOW } }]);
  expect(await temporary.store.campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
  expect(reactions(campaign)).toEqual([]);
});
