/** Owns the list of activities: noted inside the transaction of what happened, together with the deliveries to webhooks. */
import { isDeepStrictEqual } from "node:util";
import {
  type Activity,
  type CampaignActivity,
  KEPT_ACTIVITIES,
  type NewActivity,
  newsOf,
} from "@mini-crm/core/activity/activity";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { Instant } from "@mini-crm/core/instant";
import { newDelivery } from "@mini-crm/core/webhook/webhook";
import { readCampaign, readCampaigns } from "./campaigns.ts";
import type { ActivityDocument } from "./documents.ts";
import { ACTIVITIES, lock } from "./locks.ts";
import type { Tables } from "./tables.ts";

/** Notes one activity, once for everybody who watches and once for each webhook that wants it. The caller holds the transaction. */
export function noteActivity(tables: Tables, activity: NewActivity): Promise<void> {
  return noteActivities(tables, [activity]);
}

/** The same for several, in their order. */
export async function noteActivities(tables: Tables, activities: readonly NewActivity[]): Promise<void> {
  if (activities.length === 0) return;
  const latest = await takeNumbers(tables, activities.length);
  const numbered = activities.map((activity, index) => ({ seq: latest - activities.length + 1 + index, activity }));
  const webhooks = await tables.webhook.find({ enabled: true });
  await tables.activity.insert(
    numbered.map(({ seq, activity: { at, kind, subject, data } }) => ({ _id: seq, at, kind, subject, data })),
  );
  if (latest > KEPT_ACTIVITIES) await tables.activity.remove({ _id: { $lte: latest - KEPT_ACTIVITIES } });
  await tables.webhook_delivery.insert(
    numbered.flatMap(({ seq, activity }) =>
      webhooks.filter(({ kinds }) => kinds.includes(activity.kind)).map(({ _id }) => newDelivery(_id, `${_id}-${seq}`, activity)),
    ),
  );
}

/** Answers the last of so many new numbers. Whoever takes some waits for whoever has: they come in the order of commits. */
async function takeNumbers(tables: Tables, many: number): Promise<number> {
  const take = () => tables.lock.change({ _id: ACTIVITIES }, { $inc: { seq: many } });
  let taken = await take();
  if (taken === null) {
    await lock(tables, ACTIVITIES);
    taken = await take();
  }
  if (taken?.seq === undefined) throw new Error("An activity got no number");
  return taken.seq;
}

/** Notes what has become of a campaign, with its ledger as it is now. */
export async function noteCampaign(tables: Tables, kind: CampaignActivity, campaignId: string, now: Instant): Promise<void> {
  const campaign = await readCampaign(tables, campaignId);
  if (campaign !== null) await tell(tables, kind, campaign, now);
}

async function tell(tables: Tables, kind: CampaignActivity, campaign: Campaign, now: Instant): Promise<void> {
  const data = newsOf(campaign);
  await noteActivity(tables, { at: now, kind, subject: campaign._id, data });
  // What was told with it is no progress any more.
  await tables.campaign.update({ _id: campaign._id }, { $set: { noted: data.stats } });
}

/**
 * Notes the progress of those of the campaigns whose ledger is another one than was told last. Each note changes its campaign, so
 * of two processes one notes it.
 */
export async function noteProgress(tables: Tables, campaignIds: readonly string[], now: Instant): Promise<void> {
  if (campaignIds.length === 0) return;
  const changed = { _id: { $in: [...campaignIds] } };
  const told = await tables.campaign.find(changed, { projection: { noted: 1 } });
  const noted = new Map(told.map((campaign) => [campaign._id, campaign.noted]));
  for (const campaign of await readCampaigns(tables, changed)) {
    if (isDeepStrictEqual(newsOf(campaign).stats, noted.get(campaign._id))) continue;
    await tell(tables, "campaign.progress", campaign, now);
  }
}

export async function activitiesAfter(tables: Tables, seq: number, limit: number): Promise<Activity[]> {
  return (await tables.activity.find({ _id: { $gt: seq } }, { sort: { _id: 1 }, limit })).map(activityOf);
}

export async function activityRange(tables: Tables): Promise<{ oldest: number; latest: number }> {
  const latest = (await tables.lock.one({ _id: ACTIVITIES }))?.seq ?? 0;
  const kept = await tables.activity.one({}, { sort: { _id: 1 } });
  return { oldest: kept?._id ?? latest + 1, latest };
}

/** A document says which kind it is, and its data was written with it. */
function activityOf({ _id, at, kind, subject, data }: ActivityDocument): Activity {
  return { seq: _id, at, kind, subject, data } as Activity;
}
