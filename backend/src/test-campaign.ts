/** Owns a campaign's way through its messages as tests of the backend need it: step by step, without workers. */
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import type { Instant } from "@mini-crm/core/instant";
import type { ReceiptStatus } from "@mini-crm/core/message/message";
import type { TestBackend } from "./test-backend.ts";

export const FIVE_LEADS = [
  { name: "John Doe", emails: ["john.doe@example.com"], phones: ["+1234567890"], total_spend: 1500, visits: 8 },
  { name: "Alice Johnson", emails: ["alice.johnson@example.com"], phones: ["+1234567891"], total_spend: 750, visits: 4 },
  { name: "Bob Smith", emails: ["bob.smith@example.com"], phones: ["+1234567892"], total_spend: 2200, visits: 12 },
  { name: "Carol Williams", emails: ["carol.williams@example.com"], phones: ["+1234567893"], total_spend: 350, visits: 2 },
  { name: "David Brown", emails: ["david.brown@example.com"], phones: ["+1234567894"], total_spend: 4500, visits: 20 },
];

/** A rule that `field` is more than `value`. */
export function moreThan(field: string, value: number): object {
  return {
    type: "comparison",
    operator: ">",
    left: { type: "field", value: field },
    right: { type: "literal", value },
  };
}

/** Creates a segment of who spent more than `spend`, and a campaign to it; returns their identifiers. */
export async function draftCampaign(backend: TestBackend, spend = 1000): Promise<{ segmentId: string; campaignId: string }> {
  const segment = await backend.call("POST", "/api/v1/segments", {
    name: "High Value",
    rule_ast: moreThan("total_spend", spend),
  });
  const campaign = await backend.call("POST", "/api/v1/campaigns", {
    name: "Rewards",
    segment_id: segment.body.data._id,
    message_template: "Hi {{name}}, you spent ${{total_spend}}",
  });
  return { segmentId: segment.body.data._id, campaignId: campaign.body.data._id };
}

/** Writes a running campaign's message rows, claims all of them and marks them SENDING with a text; returns their identifiers. */
export async function beginSending({ store, bus, clock }: TestBackend, campaignId: string): Promise<string[]> {
  const expand = { campaign_id: campaignId, after: null, leadsPerWindow: 1000, now: clock.now() };
  await bus.commit([{ step: "expand", input: expand }]);
  const common = { channel_id: "default", worker: "test", limits: NO_LIMITS, leaseMs: 60_000, now: clock.now() };
  const claim = await store.messages.claim({ ...common, campaign_id: campaignId, after: null, up_to: "f".repeat(24), max: 1000 });
  if (claim.kind !== "claimed") throw new Error(`Nothing was claimed: ${claim.kind}`);
  const messages = claim.messages.map(({ _id, attempt, phone }) => ({
    _id,
    attempt,
    phone: phone ?? "",
    text: `Text of ${_id}`,
  }));
  return (await store.messages.admit({ ...common, messages })).admitted;
}

/** Applies a receipt to a message. */
export async function receive({ bus }: TestBackend, messageId: string, status: ReceiptStatus, at: Instant): Promise<void> {
  const event = { version: 1, message_id: messageId, source: "receipt", status, at, code: null, reason: null } as const;
  await bus.commit([{ step: "fold", input: { receipts: [event], campaigns: [], now: at, receiptWindowMs: 60_000 } }]);
}
