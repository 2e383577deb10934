/** Owns the verbs on campaigns. */
import { type Campaign, type CampaignStatus, noMessages } from "@mini-crm/core/campaign/campaign";
import { type CampaignFields, edited, type Removal, removalOf } from "@mini-crm/core/campaign/changes";
import { storedOptions, storedRun } from "@mini-crm/core/campaign/earlier-versions";
import type { Instant } from "@mini-crm/core/instant";
import type { CampaignStore, Page, PageRequest } from "@mini-crm/core/ports/store";
import type { Filter } from "mongodb";
import { countedOf, idsBetween } from "./counters.ts";
import type { MongoDatabase } from "./database.ts";
import type { CampaignDocument } from "./documents.ts";
import { audienceLock, campaignLock } from "./locks.ts";
import type { Tables } from "./tables.ts";

export async function createCampaign(tables: Tables, { counts, last_sent_at, ...campaign }: Campaign): Promise<void> {
  await tables.campaign.insert([{ ...campaign, noted: null }]);
}

export async function readCampaign(tables: Tables, id: string): Promise<Campaign | null> {
  const [campaign = null] = await readCampaigns(tables, { _id: id });
  return campaign;
}

/** Changes the given fields of a campaign. */
export async function writeCampaign(tables: Tables, id: string, fields: CampaignFields): Promise<void> {
  await tables.campaign.update({ _id: id }, { $set: fields });
}

export async function changeCampaign(
  tables: Tables,
  ...[id, fields, now]: Parameters<CampaignStore["change"]>
): ReturnType<CampaignStore["change"]> {
  const edit = edited(await readCampaign(tables, id), fields, now);
  if (edit.kind !== "changed") return edit;
  const { name, segment_id, channel_id, message_template, options, expected, updated_at } = edit.campaign;
  await writeCampaign(tables, id, { name, segment_id, channel_id, message_template, options, expected, updated_at });
  return edit;
}

export async function listCampaigns(
  tables: Tables,
  request: PageRequest & { status: CampaignStatus | null },
): Promise<Page<Campaign>> {
  const filter = request.status === null ? {} : { status: request.status };
  const { page, limit } = request;
  const items = await readCampaigns(tables, filter, { sort: { _id: -1 }, skip: (page - 1) * limit, limit });
  return { items, total: await tables.campaign.count(filter) };
}

export function dueCampaigns(tables: Tables, now: Instant, limit: number): Promise<Campaign[]> {
  return readCampaigns(
    tables,
    { status: "SCHEDULED", scheduled_at: { $lte: now }, hold: null },
    { sort: { scheduled_at: 1 }, limit },
  );
}

/** Campaigns with their ledgers, in two queries however many they are. */
export async function readCampaigns(
  tables: Tables,
  filter: Filter<CampaignDocument>,
  options: Parameters<Tables["campaign"]["find"]>[1] = {},
): Promise<Campaign[]> {
  const found = await tables.campaign.find(filter, options);
  if (found.length === 0) return [];
  const ids = found.map(({ _id }) => _id);
  const counted = await countedOf(tables, ids);
  return found.map(({ noted, ...campaign }) => ({
    ...campaign,
    options: storedOptions(campaign.options),
    frozen: campaign.frozen === null ? null : storedRun(campaign.frozen),
    ...(counted.get(campaign._id) ?? { counts: noMessages(), last_sent_at: null }),
  }));
}

/**
 * Removes the messages window by window, each with its counters, and the campaign itself last. It is cancelled first, which no
 * command undoes, so that nobody starts or tries again what is half gone. After a crash in between it is a cancelled campaign
 * whose ledger still closes, and the next call goes on where this one ended.
 */
export async function removeCampaign(database: MongoDatabase, id: string): Promise<Removal> {
  const removal = await database.transaction(async (tables) => {
    const answer = removalOf(await tables.campaign.one({ _id: id }));
    if (answer.kind === "removed") await writeCampaign(tables, id, { status: "CANCELLED" });
    return answer;
  });
  if (removal.kind !== "removed") return removal;
  let isLeft = true;
  while (isLeft) isLeft = await database.bulkTransaction((tables) => removeWindow(tables, id));
  await database.transaction((tables) => removeRest(tables, id));
  return removal;
}

/** Answers whether there was one. */
async function removeWindow(tables: Tables, campaignId: string): Promise<boolean> {
  const window = await tables.message_window.one({ campaign_id: campaignId });
  if (window === null) return false;
  await tables.message.remove({ _id: idsBetween(campaignId, window.after, window.up_to) });
  await tables.campaign_count.remove({ campaign_id: campaignId, window: window.after });
  await tables.message_window.remove({ _id: window._id });
  return true;
}

async function removeRest(tables: Tables, campaignId: string): Promise<void> {
  // What was sent from a later window meanwhile was noted where the first one is counted.
  await tables.campaign_count.remove({ campaign_id: campaignId });
  await tables.campaign_reaction.remove({ campaign_id: campaignId });
  await tables.preflight.remove({ campaign_id: campaignId });
  await tables.direct_message.remove({ campaign_id: campaignId });
  await tables.lock.remove({ _id: { $in: [audienceLock(campaignId), campaignLock(campaignId)] } });
  await tables.campaign.remove({ _id: campaignId });
}
