/** Owns what only time brings about: scheduled starts, expired leases, due retries, overdue receipts. */
import { unreachable } from "@mini-crm/core/app-error";
import { type Campaign, endingOf, type Hold } from "@mini-crm/core/campaign/campaign";
import { isMissed } from "@mini-crm/core/campaign/schedule";
import { startCampaign } from "@mini-crm/core/campaign/start-campaign";
import type { PipelineDeps, Stage, Timing } from "./deps.ts";
import type { Senders } from "./sender.ts";

export interface SchedulerStats {
  isRunning: boolean;
  /** Claims whose worker went silent: free again. */
  freed: number;
  /** Sends whose worker went silent: uncertain. */
  uncertain: number;
  /** Campaigns that were started at their time. */
  started: number;
  errors: number;
}

/** How many messages one look puts right; the next look follows at once where there were more. */
const MESSAGES_PER_LOOK = 5_000;
const CAMPAIGNS_PER_LOOK = 20;

export function startScheduler(deps: PipelineDeps, senders: Pick<Senders, "all">, timing: Timing): Stage<SchedulerStats> {
  const { bus, clock, log } = deps;
  const stats: SchedulerStats = { isRunning: true, freed: 0, uncertain: 0, started: 0, errors: 0 };
  const closing = new AbortController();

  const look = async (): Promise<boolean> => {
    const { receiptWindowMs } = timing;
    const input = { now: clock.now(), receiptWindowMs, limit: MESSAGES_PER_LOOK, warnings: warningsOf(senders) };
    const [{ freed, uncertain, due, completed }] = await bus.commit([{ step: "recover", input }]);
    stats.freed += freed;
    stats.uncertain += uncertain;
    if (freed + uncertain > 0) log.warn({ freed, uncertain }, "A worker went silent: its messages are free again or uncertain");
    for (const campaign of completed) log.info({ campaign }, "Campaign completed; some receipts never came");
    await startDue(deps, stats);
    return freed + uncertain + due >= MESSAGES_PER_LOOK;
  };

  const run = async (): Promise<void> => {
    let started = false;
    while (!closing.signal.aborted) {
      try {
        // What an earlier process left behind is taken up once; after that, events and leases say what to do.
        if (!started) await bus.commit([{ step: "resume", input: { now: clock.now() } }]);
        started = true;
        if (await look()) continue;
      } catch (error) {
        stats.errors += 1;
        log.error({ err: error, stage: "Scheduler" }, "What is due could not be looked for");
      }
      await clock.sleep(timing.recoverEveryMs, closing.signal);
    }
  };
  const stopped = run();

  return {
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      closing.abort();
      await stopped;
    },
  };
}

/** Starts the campaigns whose time has come. Several schedulers may try: a campaign starts once. */
async function startDue(deps: PipelineDeps, stats: SchedulerStats): Promise<void> {
  const { store, bus, clock, log } = deps;
  for (const campaign of await store.campaigns.due(clock.now(), CAMPAIGNS_PER_LOOK)) {
    const { _id, scheduled_at } = campaign;
    try {
      const started = await startOnTime(deps, campaign);
      if (started === "started") stats.started += 1;
      if (started === "started" || started === "moved") continue;
      const input = { campaign_id: _id, hold: { ...started, at: clock.now() }, scheduledFor: scheduled_at };
      const [{ held }] = await bus.commit([{ step: "hold", input }]);
      if (held) log.warn({ campaign: _id, reason: started.reason }, "A scheduled campaign waits for a person");
    } catch (error) {
      // The others start all the same, and this one is tried again.
      stats.errors += 1;
      log.error({ err: error, stage: "Scheduler", campaign: _id }, "A campaign that is due could not be started");
    }
  }
}

/**
 * Starts one campaign, unless that is for a person to decide: then it answers why. `moved`: another process was faster, or a
 * person has told it something else in the meantime.
 */
async function startOnTime(deps: PipelineDeps, campaign: Campaign): Promise<"started" | "moved" | Pick<Hold, "code" | "reason">> {
  const now = deps.clock.now();
  const due = new Date(campaign.scheduled_at ?? 0).toISOString();
  if (endingOf(campaign, now) !== null) {
    const reason = `It was to start at ${due}, and has expired since: unschedule it, and let it expire later`;
    return { code: "expired", reason };
  }
  if (isMissed(campaign, now)) {
    const reason = `It was to start at ${due}, and nothing was running then: run it now, schedule it anew, or unschedule it`;
    return { code: "schedule_missed", reason };
  }
  const start = await startCampaign(deps, campaign._id, campaign.scheduled_at);
  switch (start.kind) {
    case "started":
      return "started";
    case "not_startable":
    case "not_found":
      return "moved";
    case "segment_not_found":
      return { code: "segment_not_found", reason: "Its segment is not there any more: unschedule it and give it another one" };
    case "channel_refused":
      return { code: "channel_refused", reason: `It cannot be sent as it is: ${start.reason}` };
    case "empty_audience":
      return { code: "empty_audience", reason: "When it was to start, nobody was in its segment: run it when somebody is" };
    default:
      return unreachable(start);
  }
}

function warningsOf(senders: Pick<Senders, "all">): Record<string, string> {
  const warnings: Record<string, string> = {};
  for (const { channel, provider } of senders.all()) {
    const { warning } = provider.health();
    if (warning !== null) warnings[channel()._id] = warning;
  }
  return warnings;
}
