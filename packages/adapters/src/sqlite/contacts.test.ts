/** Proves that sending over a channel costs nothing for limits that it does not have. */

import { constants } from "node:sqlite";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { draft, leadInputs, NOW, startOf } from "@mini-crm/core/contracts/samples";
import { encodeLeads } from "@mini-crm/core/lead/encoded-leads";
import { messageId } from "@mini-crm/core/message/message";
import { afterEach, expect, test } from "vitest";
import { claimOf } from "./claim.ts";
import { openConnection } from "./connection.ts";
import { migrate } from "./schema.ts";
import { createVerbs } from "./verbs.ts";

const connection = openConnection(":memory:", "read-write");
migrate(connection.db, Date.now());
afterEach(() => connection.close());

test("recipients are neither looked up nor noted where only the rate is limited", () => {
  const verbs = createVerbs(connection, { now: () => NOW, random: Math.random });
  verbs.importLeads(encodeLeads(leadInputs(4)), NOW);
  const campaign = draft();
  verbs.createCampaign(campaign);
  const expand = { campaign_id: campaign._id, after: null, leadsPerWindow: 10, now: NOW };
  verbs.carryOut([startOf(campaign), { step: "expand", input: expand }]);
  const touched = new Set<string | null>();
  connection.db.setAuthorizer((action, table) => {
    if (action === constants.SQLITE_READ || action === constants.SQLITE_INSERT) touched.add(table);
    return constants.SQLITE_OK;
  });

  const send = (limits: typeof NO_LIMITS) => {
    const request = { campaign_id: campaign._id, channel_id: "default", after: null, up_to: "g", max: 2, worker: "w1" };
    const claim = claimOf(verbs.claimMessages({ ...request, limits, leaseMs: 60_000, now: NOW }), campaign._id);
    if (claim.kind !== "claimed") throw new Error("Something was to be claimed");
    const messages = claim.messages.map(({ lead_id, attempt, phone }) => {
      return { _id: messageId(campaign._id, lead_id), attempt, phone: phone ?? "", text: "Hi" };
    });
    expect(verbs.admitMessages({ channel_id: "default", worker: "w1", messages, limits, now: NOW }).admitted).toHaveLength(2);
  };
  send({ ...NO_LIMITS, rate: { messages: 30, windowMs: 60_000 } });
  expect(touched.has("channel_send")).toBe(true);
  expect(touched.has("channel_contact")).toBe(false);
  send({ ...NO_LIMITS, pairMs: 6_000 });
  expect(touched.has("channel_contact")).toBe(true);
});
