/** Owns the list of activities: noted inside the transaction of what happened, together with the deliveries to webhooks. */
import {
  type Activity,
  type CampaignActivity,
  KEPT_ACTIVITIES,
  type NewActivity,
  newsOf,
} from "@mini-crm/core/activity/activity";
import { type Campaign, ledgerOf } from "@mini-crm/core/campaign/campaign";
import type { Instant } from "@mini-crm/core/instant";
import { bodyOf } from "@mini-crm/core/webhook/webhook";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, type Row, text, textOrNull } from "./connection.ts";

/** Notes one activity, once for everybody who watches and once for each webhook that wants it. The caller holds the transaction. */
export function noteActivity(connection: Connection, activity: NewActivity): void {
  const { at, kind, subject, data } = activity;
  const row = connection.get(
    "INSERT INTO activity (at, kind, subject, data) VALUES (?, ?, ?, ?) RETURNING seq",
    at,
    kind,
    subject,
    JSON.stringify(data),
  );
  if (row === undefined) throw new Error("An activity got no number");
  const seq = number(row, "seq");
  connection.run("DELETE FROM activity WHERE seq <= ?", seq - KEPT_ACTIVITIES);
  connection.run(
    `INSERT INTO webhook_delivery (_id, webhook_id, kind, body, status, attempt, due_at, created_at, attempts)
     SELECT w._id || '-' || ?, w._id, ?, ?, 'PENDING', 0, ?, ?, '[]' FROM webhook AS w
     WHERE w.enabled = 1 AND EXISTS (SELECT 1 FROM json_each(w.kinds) WHERE value = ?2)`,
    String(seq),
    kind,
    bodyOf(activity),
    at,
    at,
  );
}

/** Notes what has become of a campaign, with its ledger as it is now. */
export function noteCampaign(connection: Connection, kind: CampaignActivity, campaignId: string, now: Instant): void {
  const campaign = readCampaign(connection, campaignId);
  if (campaign !== null) tell(connection, kind, campaign, now);
}

function tell(connection: Connection, kind: CampaignActivity, campaign: Campaign, now: Instant): void {
  const data = newsOf(campaign);
  noteActivity(connection, { at: now, kind, subject: campaign._id, data });
  // What was told with it is no progress any more.
  connection.run(
    `INSERT INTO campaign_progress (campaign_id, changed, noted) VALUES (?, 0, ?)
     ON CONFLICT DO UPDATE SET changed = 0, noted = excluded.noted`,
    campaign._id,
    JSON.stringify(data.stats),
  );
}

/**
 * Notes the progress of every campaign whose ledger is another one than was told last. Counters mark their campaign when they
 * change, so where nothing has changed this is one look at an empty index, and of two processes one notes it.
 */
export function noteProgress(connection: Connection, now: Instant): void {
  for (const row of connection.all("SELECT campaign_id, noted FROM campaign_progress WHERE changed = 1")) {
    const campaignId = text(row, "campaign_id");
    const campaign = readCampaign(connection, campaignId);
    if (campaign === null || JSON.stringify(ledgerOf(campaign)) === textOrNull(row, "noted")) {
      connection.run("UPDATE campaign_progress SET changed = 0 WHERE campaign_id = ?", campaignId);
    } else {
      tell(connection, "campaign.progress", campaign, now);
    }
  }
}

export function activityVerbs(connection: Connection) {
  return {
    noteActivities: (activities: readonly NewActivity[]): void =>
      connection.transaction(() => {
        for (const activity of activities) noteActivity(connection, activity);
      }, "soon"),

    activitiesAfter: (seq: number, limit: number): Activity[] =>
      connection.all("SELECT * FROM activity WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit).map(activityOf),

    activityRange: (): { oldest: number; latest: number } => {
      const given = connection.get("SELECT seq FROM sqlite_sequence WHERE name = 'activity'");
      const latest = given === undefined ? 0 : number(given, "seq");
      const kept = connection.get("SELECT min(seq) AS oldest FROM activity");
      return { oldest: Number(kept?.["oldest"] ?? latest + 1), latest };
    },
  };
}

/** A row says which kind it is, and its data was written with it. */
export function activityOf(row: Row): Activity {
  return {
    seq: number(row, "seq"),
    at: number(row, "at"),
    kind: text(row, "kind"),
    subject: textOrNull(row, "subject"),
    data: JSON.parse(text(row, "data")),
  } as Activity;
}
