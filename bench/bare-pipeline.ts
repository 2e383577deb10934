/** Owns the row changes of a campaign as bare SQL: one process, one connection, in batches, nothing else. */
import { type Connection, openConnection, text } from "@mini-crm/adapters/sqlite/connection";
import { NOW, newId } from "@mini-crm/core/contracts/samples";
import type { MessageStatus } from "@mini-crm/core/message/message";
import { demand, timed } from "./measure.ts";

/** As large as the pipeline's own batches, and as durable: what goes out and what came of it is on the disk at once. */
const LEADS_PER_WINDOW = 10_000;
const MESSAGES_PER_BATCH = 2_000;
const TEXT =
  "Hi John Doe! 🎉 As a valued customer who has spent $1500 with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for 8 visits!";

/** Answers how many milliseconds it took to bring a message to every lead of `file` to DELIVERED. */
export async function runBare(file: string, messages: number): Promise<number> {
  const connection = openConnection(file, "read-write");
  const campaignId = newId();
  const tookMs = await timed(() => {
    expandAll(connection, campaignId, messages);
    deliverAll(connection, campaignId);
  });
  const row = connection.get("SELECT messages FROM campaign_count WHERE campaign_id = ? AND status = 'DELIVERED'", campaignId);
  demand("Messages delivered", Number(row?.["messages"]), messages);
  connection.close();
  return tookMs;
}

function expandAll(connection: Connection, campaignId: string, messages: number): void {
  let after = "";
  for (let expanded = 0; expanded < messages; expanded += LEADS_PER_WINDOW) {
    const last = connection.get(
      "SELECT max(_id) AS last FROM (SELECT _id FROM lead WHERE _id > ? ORDER BY _id LIMIT ?)",
      after,
      LEADS_PER_WINDOW,
    );
    if (last === undefined) return;
    const upTo = text(last, "last");
    connection.transaction(() => {
      const written = connection.run(
        `INSERT INTO message (campaign_id, lead_id, status, phone, attempt, created_at)
         SELECT ?, _id, 'PENDING', phones ->> 0, 0, ? FROM lead WHERE _id > ? AND _id <= ?`,
        campaignId,
        NOW,
        after,
        upTo,
      );
      count(connection, campaignId, null, "PENDING", written);
    }, "soon");
    after = upTo;
  }
}

function deliverAll(connection: Connection, campaignId: string): void {
  let after = "";
  for (;;) {
    const rows = connection.all(
      "SELECT lead_id FROM message WHERE campaign_id = ? AND lead_id > ? ORDER BY lead_id LIMIT ?",
      campaignId,
      after,
      MESSAGES_PER_BATCH,
    );
    const leadIds = rows.map((row) => text(row, "lead_id"));
    const last = leadIds.at(-1);
    if (last === undefined) return;
    claim(connection, campaignId, after, last);
    admit(connection, campaignId, leadIds);
    record(connection, campaignId, leadIds);
    deliver(connection, campaignId, leadIds);
    after = last;
  }
}

function claim(connection: Connection, campaignId: string, after: string, upTo: string): void {
  connection.transaction(() => {
    const claimed = connection.run(
      `UPDATE message SET status = 'CLAIMED', worker = 'bench', attempt = attempt + 1
       WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ? AND status = 'PENDING'`,
      campaignId,
      after,
      upTo,
    );
    count(connection, campaignId, "PENDING", "CLAIMED", claimed);
  }, "soon");
}

function admit(connection: Connection, campaignId: string, leadIds: readonly string[]): void {
  connection.transaction(() => {
    const at = Date.now();
    for (const leadId of leadIds) {
      connection.run(
        "UPDATE message SET status = 'SENDING', sending_at = ? WHERE campaign_id = ? AND lead_id = ? AND status = 'CLAIMED'",
        at,
        campaignId,
        leadId,
      );
      connection.run("INSERT INTO message_text (campaign_id, lead_id, text) VALUES (?, ?, ?)", campaignId, leadId, TEXT);
    }
    count(connection, campaignId, "CLAIMED", "SENDING", leadIds.length);
  });
}

function record(connection: Connection, campaignId: string, leadIds: readonly string[]): void {
  connection.transaction(() => {
    const at = Date.now();
    for (const leadId of leadIds) {
      connection.run(
        `UPDATE message SET status = 'SENT', provider_id = ?, sent_at = ?
         WHERE campaign_id = ? AND lead_id = ? AND status = 'SENDING'`,
        `3EB0${leadId}`,
        at,
        campaignId,
        leadId,
      );
    }
    count(connection, campaignId, "SENDING", "SENT", leadIds.length);
  });
}

function deliver(connection: Connection, campaignId: string, leadIds: readonly string[]): void {
  connection.transaction(() => {
    const at = Date.now();
    for (const leadId of leadIds) {
      connection.run(
        "UPDATE message SET status = 'DELIVERED', delivered_at = ? WHERE campaign_id = ? AND lead_id = ? AND status = 'SENT'",
        at,
        campaignId,
        leadId,
      );
    }
    count(connection, campaignId, "SENT", "DELIVERED", leadIds.length);
  }, "soon");
}

/** Keeps the counters equal to the rows. */
function count(
  connection: Connection,
  campaignId: string,
  from: MessageStatus | null,
  to: MessageStatus,
  messages: number,
): void {
  const add = `INSERT INTO campaign_count (campaign_id, status, code, variant, window, messages) VALUES (?, ?, '', 0, '', ?)
    ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`;
  if (from !== null) connection.run(add, campaignId, from, -messages);
  connection.run(add, campaignId, to, messages);
}
