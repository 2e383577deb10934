/** Owns the verbs on messages: claim, admit, and reading the ledger's rows. */
import type { LedgerAudit } from "@mini-crm/core/campaign/audit";
import type { RateLimit } from "@mini-crm/core/channel/limits";
import type { Instant } from "@mini-crm/core/instant";
import { type Message, type MessageEvent, parseMessageId } from "@mini-crm/core/message/message";
import type { RetryChoice } from "@mini-crm/core/ports/steps";
import type {
  Admission,
  LedgerCount,
  MessageFilter,
  MessageStore,
  NamedMessage,
  Page,
  PageRequest,
} from "@mini-crm/core/ports/store";
import { admit } from "./admission.ts";
import { ahead } from "./ahead.ts";
import { claim, type RawClaim } from "./claim.ts";
import { type Connection, number, text } from "./connection.ts";
import { auditOf, ledgerCounts, variantsOf } from "./counters.ts";
import { historyOf } from "./message-events.ts";
import { messagesBehind, pageOfMessages } from "./message-pages.ts";
import { messageOf, SELECT_MESSAGE } from "./message-rows.ts";
import { rateUse, sentSince } from "./rate.ts";
import { retryable } from "./retry.ts";

type ClaimRequest = Parameters<MessageStore["claim"]>[0];
type Retryable = Awaited<ReturnType<MessageStore["retryable"]>>;
type AdmitRequest = Parameters<MessageStore["admit"]>[0];

export function messageVerbs(connection: Connection) {
  return {
    claimMessages: (request: ClaimRequest): RawClaim => connection.transaction(() => claim(connection, request), "soon"),
    /** Durable: a message that goes out must still be marked after a power cut. */
    admitMessages: (request: AdmitRequest): Admission => connection.transaction(() => admit(connection, request)),

    readMessage: (id: string): Message | null => {
      const key = parseMessageId(id);
      if (key === null) return null;
      const row = connection.get(`${SELECT_MESSAGE} WHERE m.campaign_id = ? AND m.lead_id = ?`, key.campaignId, key.leadId);
      return row === undefined ? null : messageOf(row, variantsOf(connection, key.campaignId));
    },

    messagesOfCampaign: (campaignId: string, request: PageRequest & MessageFilter): Page<Message> =>
      connection.snapshot(() => pageOfMessages(connection, campaignId, request)),
    nextMessages: (campaignId: string, request: MessageFilter & { after: string | null; limit: number }): NamedMessage[] =>
      connection.snapshot(() => messagesBehind(connection, campaignId, request)),
    messageHistory: (id: string): MessageEvent[] => historyOf(connection, id),
    ledgerCounts: (campaignId: string): LedgerCount[] => ledgerCounts(connection, campaignId),
    auditLedger: (campaignId: string): LedgerAudit => connection.snapshot(() => auditOf(connection, campaignId)),
    retryable: (campaignId: string, choice: RetryChoice, now: Instant): Retryable =>
      connection.snapshot(() => retryable(connection, campaignId, choice, now)),
    nextDue: (campaignId: string): { due_at: Instant; code: string; last_due_at: Instant } | null => {
      const row = connection.get(
        `SELECT due_at, code,
           (SELECT max(due_at) FROM message WHERE campaign_id = ?1 AND due_at IS NOT NULL) AS last_due_at
         FROM message WHERE campaign_id = ?1 AND due_at IS NOT NULL ORDER BY due_at LIMIT 1`,
        campaignId,
      );
      if (row === undefined) return null;
      return { due_at: number(row, "due_at"), code: text(row, "code"), last_due_at: number(row, "last_due_at") };
    },
    messagesAhead: (campaignId: string, now: Instant) => ahead(connection, campaignId, now),
    sentSince: (campaignId: string, since: Instant): number => sentSince(connection, campaignId, since),

    /** Looked up campaign by campaign: an index by lead would cost every expansion what this rare question saves. */
    messagesOfLead: (leadId: string, limit: number): Message[] =>
      connection
        .all(
          `SELECT m.*, t.text AS text FROM campaign AS c CROSS JOIN message AS m
             ON m.campaign_id = c._id AND m.lead_id = ?
           LEFT JOIN message_text AS t ON t.campaign_id = m.campaign_id AND t.lead_id = m.lead_id
           ORDER BY c._id DESC LIMIT ?`,
          leadId,
          limit,
        )
        .map((row) => messageOf(row, variantsOf(connection, text(row, "campaign_id")))),

    countWaiting: (channelId: string): number => {
      const row = connection.get(
        `SELECT coalesce(sum(n.messages), 0) AS waiting FROM campaign AS c JOIN campaign_count AS n ON n.campaign_id = c._id
         WHERE c.status = 'RUNNING' AND c.channel_id = ? AND n.status IN ('PENDING', 'CLAIMED')`,
        channelId,
      );
      return row === undefined ? 0 : number(row, "waiting");
    },

    rateUse: (channelId: string, rate: RateLimit, now: Instant): { used: number; resetAt: Instant } =>
      rateUse(connection, channelId, rate, now),
  };
}
