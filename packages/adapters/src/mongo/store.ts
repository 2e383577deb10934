/** Owns the `Store` port on MongoDB: which verbs are one transaction, which only read, and which may take long. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { idSource } from "@mini-crm/core/id";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { CarriedOut, Step, StepName, StepResult } from "@mini-crm/core/ports/steps";
import type { ActivityStore, MessageStore, Store } from "@mini-crm/core/ports/store";
import type { WebhookStore } from "@mini-crm/core/ports/webhook-store";
import { activitiesAfter, activityRange, noteActivities } from "./activity.ts";
import { admit } from "./admission.ts";
import { ahead } from "./ahead.ts";
import * as campaigns from "./campaigns.ts";
import * as channels from "./channels.ts";
import { checkLeads, overdueClaims } from "./checks.ts";
import { claim } from "./claim.ts";
import { lastTexts, phonesOfUsers, recipientUse } from "./contacts.ts";
import { auditOf, ledgerCounts } from "./counters.ts";
import type { MongoDatabase } from "./database.ts";
import { claimDirect, directOfCampaign, recordDirect, repliesTo } from "./direct-messages.ts";
import { inboundOfLead, reactionsOf } from "./inbound.ts";
import * as leads from "./leads.ts";
import { historyOf } from "./message-events.ts";
import { messagesBehind, pageOfMessages } from "./message-pages.ts";
import { countWaiting, messagesOfLead, nextDue, readMessage } from "./messages.ts";
import { publishedEvents, putInOutbox, unpublishedEvents } from "./outbox.ts";
import { keepPreflight, preflightWindow, readPreflight } from "./preflight.ts";
import { processDied, processesSince, processGone, signProcess } from "./processes.ts";
import { rateUse, sentSince } from "./rate.ts";
import { retryable } from "./retry.ts";
import { foreignVersion } from "./schema.ts";
import * as segments from "./segments.ts";
import * as sessions from "./sessions.ts";
import { carryOutStep } from "./steps.ts";
import * as templates from "./templates.ts";
import * as deliveries from "./webhook-deliveries.ts";
import * as webhooks from "./webhooks.ts";

/** The store on an open database. */
export function mongoStore(database: MongoDatabase, chance: Pick<Clock, "now" | "random">): Store {
  const newId = idSource(chance);
  return {
    leads: {
      import: (encoded, now) => database.bulkTransaction((tables) => leads.importLeads(tables, newId, encoded, now)),
      add: (input, now) => database.transaction((tables) => leads.addLead(tables, newId, input, now)),
      read: (id) => database.read((tables) => leads.readLead(tables, id)),
      change: (id, input, now) => database.transaction((tables) => leads.changeLead(tables, id, input, now)),
      remove: (id) => database.transaction((tables) => leads.removeLead(tables, id)),
      list: (request) => database.scan((tables) => leads.listLeads(tables, request)),
    },
    segments: {
      create: (segment) => database.transaction((tables) => segments.createSegment(tables, segment)),
      read: (id) => database.read((tables) => segments.readSegment(tables, id)),
      change: (id, fields, now) => database.transaction((tables) => segments.changeSegment(tables, id, fields, now)),
      remove: (id) => database.transaction((tables) => segments.removeSegment(tables, id)),
      list: (request) => database.read((tables) => segments.listSegments(tables, request)),
      count: (rule, now) => database.scan((tables) => segments.countMatches(tables, rule, now)),
      sample: (rule, limit, now) => database.scan((tables) => segments.sampleMatches(tables, rule, limit, now)),
      explain: (rule, now) => database.read((tables) => segments.explainRule(tables, rule, now)),
    },
    campaigns: {
      create: (campaign) => database.transaction((tables) => campaigns.createCampaign(tables, campaign)),
      read: (id) => database.transaction((tables) => campaigns.readCampaign(tables, id)),
      change: (id, fields, now) => database.transaction((tables) => campaigns.changeCampaign(tables, id, fields, now)),
      remove: (id) => campaigns.removeCampaign(database, id),
      // Campaigns and counters of one moment, so that every ledger closes.
      list: (request) => database.transaction((tables) => campaigns.listCampaigns(tables, request)),
      due: (now, limit) => database.read((tables) => campaigns.dueCampaigns(tables, now, limit)),
    },
    preflights: {
      window: (request) => database.scan((tables) => preflightWindow(tables, request)),
      keep: (preflight) => database.transaction((tables) => keepPreflight(tables, preflight)),
      read: (token) => database.read((tables) => readPreflight(tables, token)),
    },
    messages: messagesOn(database),
    inbound: {
      ofLead: (leadId, limit) => database.read((tables) => inboundOfLead(tables, leadId, limit)),
      reactions: (campaignId) => database.read((tables) => reactionsOf(tables, campaignId)),
    },
    direct: {
      claim: (request) => database.transaction((tables) => claimDirect(tables, request)),
      record: (request) => database.transaction((tables) => recordDirect(tables, request)),
      ofCampaign: (campaignId, request) => database.read((tables) => directOfCampaign(tables, campaignId, request)),
      ofLead: (leadId, limit) => database.read((tables) => repliesTo(tables, leadId, limit)),
    },
    ...channelsOn(database),
    processes: {
      sign: (sign) => database.write((tables) => signProcess(tables, sign)),
      gone: (id) => database.write((tables) => processGone(tables, id)),
      died: (id, now) => database.transaction((tables) => processDied(tables, id, now)),
      seenSince: (since) => database.read((tables) => processesSince(tables, since)),
    },
    checks: {
      // What MongoDB's `validate` would tell needs rights on the server and holds everybody up: it is for whoever runs the server.
      integrity: async () => [await foreignVersion(database.db)].filter((problem) => problem !== null),
      leads: (sample) => database.scan((tables) => checkLeads(tables, sample)),
      overdueClaims: (before, limit) => database.read((tables) => overdueClaims(tables, before, limit)),
    },
    activity: activityOn(database),
    webhooks: webhooksOn(database),
    outbox: {
      unpublished: (limit) => database.read((tables) => unpublishedEvents(tables, limit)),
      published: (ids) => database.write((tables) => publishedEvents(tables, ids)),
    },
    carryOut: <const S extends readonly Step[]>(steps: S) => carryOut(database, newId, steps) as Promise<CarriedOut<S>>,
    ping: () => database.ping(),
    close: () => database.close(),
  };
}

/** All steps in one transaction, with what they raise in the outbox. */
function carryOut(database: MongoDatabase, newId: () => string, steps: readonly Step[]) {
  return database.bulkTransaction(async (tables) => {
    const results: StepResult<StepName>[] = [];
    const raised: TopicEvent[] = [];
    for (const step of steps) {
      const stepped = await carryOutStep(tables, newId, step);
      results.push(stepped.result);
      raised.push(...stepped.raised);
    }
    return { results, raised, outbox_id: await putInOutbox(tables, raised) };
  });
}

function messagesOn(database: MongoDatabase): MessageStore {
  return {
    claim: (request) => database.transaction((tables) => claim(tables, request)),
    admit: (request) => database.transaction((tables) => admit(tables, request)),
    read: (id) => database.read((tables) => readMessage(tables, id)),
    // Counters and messages of one moment, so that no page skips anybody.
    ofCampaign: (campaignId, request) => database.bulkTransaction((tables) => pageOfMessages(tables, campaignId, request)),
    next: (campaignId, request) => database.scan((tables) => messagesBehind(tables, campaignId, request)),
    history: (id) => database.read((tables) => historyOf(tables, id)),
    counts: (campaignId) => database.read((tables) => ledgerCounts(tables, campaignId)),
    audit: (campaignId) => database.bulkTransaction((tables) => auditOf(tables, campaignId)),
    retryable: (campaignId, choice, now) => database.transaction((tables) => retryable(tables, campaignId, choice, now)),
    nextDue: (campaignId) => database.read((tables) => nextDue(tables, campaignId)),
    ahead: (campaignId, now) => database.read((tables) => ahead(tables, campaignId, now)),
    sentSince: (campaignId, since) => database.read((tables) => sentSince(tables, campaignId, since)),
    ofLead: (leadId, limit) => database.read((tables) => messagesOfLead(tables, leadId, limit)),
    waiting: (channelId) => database.read((tables) => countWaiting(tables, channelId)),
    rateUse: (channelId, rate, now) => database.read((tables) => rateUse(tables, channelId, rate, now)),
  };
}

/** What is stored of channels: each verb of a port by itself. */
function channelsOn(database: MongoDatabase): Pick<Store, "channels" | "sessions" | "contacts" | "templates"> {
  return {
    channels: {
      create: (channel) => database.transaction((tables) => channels.createChannel(tables, channel)),
      read: (id) => database.read((tables) => channels.readChannel(tables, id)),
      list: () => database.read((tables) => channels.listChannels(tables)),
      change: (id, fields, now, seenAt) =>
        database.transaction((tables) => channels.changeChannel(tables, id, fields, now, seenAt)),
      remove: (id) => channels.removeChannel(database, id),
      counts: (id) => database.transaction((tables) => channels.messagesOver(tables, id)),
    },
    sessions: {
      hold: (request) => database.transaction((tables) => sessions.holdSession(tables, request)),
      letGo: (channelId, owner) => database.transaction((tables) => sessions.letSessionGo(tables, channelId, owner)),
      read: (channelId, keys) => database.read((tables) => sessions.readEntries(tables, channelId, keys)),
      write: (request) => database.transaction((tables) => sessions.writeEntries(tables, request)),
      clear: (request) => database.transaction((tables) => sessions.clearSession(tables, request)),
    },
    contacts: {
      lastTexts: (channelId, phones) => database.read((tables) => lastTexts(tables, channelId, phones)),
      phonesOf: (channelId, userIds) => database.read((tables) => phonesOfUsers(tables, channelId, userIds)),
      recipientUse: (channelId, now) => database.read((tables) => recipientUse(tables, channelId, now)),
    },
    templates: {
      replace: (channelId, all) => database.transaction((tables) => templates.replaceTemplates(tables, channelId, all)),
      changeStatus: (...change) => database.transaction((tables) => templates.changeTemplateStatus(tables, ...change)),
      ofChannel: (channelId) => database.read((tables) => templates.templatesOf(tables, channelId)),
      read: (...named) => database.read((tables) => templates.readTemplate(tables, ...named)),
    },
  };
}

function activityOn(database: MongoDatabase): ActivityStore {
  return {
    note: (activities) => database.transaction((tables) => noteActivities(tables, activities)),
    after: (seq, limit) => database.read((tables) => activitiesAfter(tables, seq, limit)),
    range: () => database.read((tables) => activityRange(tables)),
  };
}

function webhooksOn(database: MongoDatabase): WebhookStore {
  return {
    create: (webhook) => database.transaction((tables) => webhooks.createWebhook(tables, webhook)),
    read: (id) => database.read((tables) => webhooks.readWebhook(tables, id)),
    list: () => database.read((tables) => webhooks.listWebhooks(tables)),
    change: (id, fields, now) => database.transaction((tables) => webhooks.changeWebhook(tables, id, fields, now)),
    remove: (id) => database.transaction((tables) => webhooks.removeWebhook(tables, id)),
    test: (id, deliveryId, now) => database.transaction((tables) => deliveries.testWebhook(tables, id, deliveryId, now)),
    claim: (request) => database.transaction((tables) => deliveries.claimDeliveries(tables, request)),
    record: (request) => database.transaction((tables) => deliveries.recordAttempt(tables, request)),
    deliveries: (webhookId, request) => database.read((tables) => deliveries.listDeliveries(tables, webhookId, request)),
    retry: (webhookId, deliveryId, now) =>
      database.transaction((tables) => deliveries.retryDelivery(tables, webhookId, deliveryId, now)),
    sweep: (before) => database.transaction((tables) => deliveries.sweepDeliveries(tables, before)),
  };
}
