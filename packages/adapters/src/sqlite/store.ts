/** Owns the `Store` port on SQLite: every verb with the lane that carries it out. */
import type { CarriedOut, Step } from "@mini-crm/core/ports/steps";
import type { ActivityStore, MessageStore, Store } from "@mini-crm/core/ports/store";
import type { WebhookStore } from "@mini-crm/core/ports/webhook-store";
import { claimOf } from "./claim.ts";
import type { Database } from "./database.ts";
import { surveyedOf } from "./preflight.ts";

/** The store on an open database. */
export function sqliteStore(database: Database): Store {
  return {
    leads: {
      import: (encoded, now) => database.call("write", "importLeads", encoded, now),
      add: (input, now) => database.call("write", "addLead", input, now),
      read: (id) => database.call("read", "readLead", id),
      change: (id, input, now) => database.call("write", "changeLead", id, input, now),
      remove: (id) => database.call("write", "removeLead", id),
      list: (request) => database.call(request.rule === null ? "read" : "scan", "listLeads", request),
    },
    segments: {
      create: (segment) => database.call("write", "createSegment", segment),
      read: (id) => database.call("read", "readSegment", id),
      change: (id, fields, now) => database.call("write", "changeSegment", id, fields, now),
      remove: (id) => database.call("write", "removeSegment", id),
      list: (request) => database.call("read", "listSegments", request),
      count: (rule, now) => database.call("scan", "countMatches", rule, now),
      sample: (rule, limit, now) => database.call("scan", "sampleMatches", rule, limit, now),
      explain: (rule, now) => database.call("read", "explainRule", rule, now),
    },
    campaigns: {
      create: (campaign) => database.call("write", "createCampaign", campaign),
      read: (id) => database.call("read", "readCampaign", id),
      change: (id, fields, now) => database.call("write", "changeCampaign", id, fields, now),
      remove: (id) => database.call("write", "removeCampaign", id),
      list: (request) => database.call("read", "listCampaigns", request),
      due: (now, limit) => database.call("read", "dueCampaigns", now, limit),
    },
    preflights: {
      window: async (request) => surveyedOf(await database.call("scan", "preflightWindow", request)),
      keep: (preflight) => database.call("write", "keepPreflight", preflight),
      read: (token) => database.call("read", "readPreflight", token),
    },
    messages: messagesOn(database),
    inbound: {
      ofLead: (leadId, limit) => database.call("read", "inboundOfLead", leadId, limit),
      reactions: (campaignId) => database.call("read", "reactionsOf", campaignId),
    },
    direct: {
      claim: (request) => database.call("write", "claimDirect", request),
      record: (request) => database.call("write", "recordDirect", request),
      ofCampaign: (campaignId, request) => database.call("read", "directOfCampaign", campaignId, request),
      ofLead: (leadId, limit) => database.call("read", "directOfLead", leadId, limit),
    },
    ...channelsOn(database),
    processes: {
      sign: (sign) => database.call("write", "signProcess", sign),
      gone: (id) => database.call("write", "processGone", id),
      died: (id, now) => database.call("write", "processDied", id, now),
      seenSince: (since) => database.call("read", "processesSince", since),
    },
    checks: {
      integrity: (limit) => database.call("scan", "integrity", limit),
      leads: (sample) => database.call("scan", "checkLeads", sample),
      overdueClaims: (before, limit) => database.call("scan", "overdueClaims", before, limit),
    },
    activity: activityOn(database),
    webhooks: webhooksOn(database),
    outbox: {
      unpublished: (limit) => database.call("read", "unpublishedEvents", limit),
      published: (ids) => database.call("write", "publishedEvents", ids),
    },
    carryOut: async <const S extends readonly Step[]>(steps: S) =>
      (await database.call("write", "carryOut", steps)) as CarriedOut<S>,
    /** Looks where nobody queues: behind a bulk import's transaction, a ping would tell of the import, not of the store. */
    ping: () => database.call("read", "ping"),
    close: () => database.close(),
  };
}

function messagesOn(database: Database): MessageStore {
  return {
    claim: async (request) => claimOf(await database.call("write", "claimMessages", request), request.campaign_id),
    admit: (request) => database.call("write", "admitMessages", request),
    read: (id) => database.call("read", "readMessage", id),
    // The last few of a usual status may lie anywhere among a million rows.
    ofCampaign: (campaignId, request) =>
      database.call(request.status === null ? "read" : "scan", "messagesOfCampaign", campaignId, request),
    next: (campaignId, request) => database.call("scan", "nextMessages", campaignId, request),
    history: (id) => database.call("read", "messageHistory", id),
    counts: (campaignId) => database.call("read", "ledgerCounts", campaignId),
    audit: (campaignId) => database.call("scan", "auditLedger", campaignId),
    retryable: (campaignId, choice, now) => database.call("read", "retryable", campaignId, choice, now),
    nextDue: (campaignId) => database.call("read", "nextDue", campaignId),
    ahead: (campaignId, now) => database.call("read", "messagesAhead", campaignId, now),
    sentSince: (campaignId, since) => database.call("read", "sentSince", campaignId, since),
    ofLead: (leadId, limit) => database.call("read", "messagesOfLead", leadId, limit),
    waiting: (channelId) => database.call("read", "countWaiting", channelId),
    rateUse: (channelId, rate, now) => database.call("read", "rateUse", channelId, rate, now),
  };
}

function channelsOn(database: Database): Pick<Store, "channels" | "sessions" | "contacts" | "templates"> {
  return {
    channels: {
      create: (channel) => database.call("write", "createChannel", channel),
      read: (id) => database.call("read", "readChannel", id),
      list: () => database.call("read", "listChannels"),
      change: (id, fields, now, seenAt) => database.call("write", "changeChannel", id, fields, now, seenAt),
      remove: (id) => database.call("write", "removeChannel", id),
      counts: (id) => database.call("scan", "countsOfChannel", id),
    },
    sessions: {
      hold: (request) => database.call("write", "holdSession", request),
      letGo: (channelId, owner) => database.call("write", "letSessionGo", channelId, owner),
      read: (channelId, keys) => database.call("read", "readSession", channelId, keys),
      write: (request) => database.call("write", "writeSession", request),
      clear: (request) => database.call("write", "clearSession", request),
    },
    contacts: {
      lastTexts: (channelId, phones) => database.call("read", "lastTexts", channelId, phones),
      phonesOf: (channelId, userIds) => database.call("read", "phonesOf", channelId, userIds),
      recipientUse: (channelId, now) => database.call("read", "recipientUse", channelId, now),
    },
    templates: {
      replace: (channelId, templates) => database.call("write", "replaceTemplates", channelId, templates),
      changeStatus: (channelId, name, language, status) =>
        database.call("write", "changeTemplateStatus", channelId, name, language, status),
      ofChannel: (channelId) => database.call("read", "templatesOfChannel", channelId),
      read: (channelId, name, language) => database.call("read", "readTemplate", channelId, name, language),
    },
  };
}

function activityOn(database: Database): ActivityStore {
  return {
    note: (activities) => database.call("write", "noteActivities", activities),
    after: (seq, limit) => database.call("read", "activitiesAfter", seq, limit),
    range: () => database.call("read", "activityRange"),
  };
}

function webhooksOn(database: Database): WebhookStore {
  return {
    create: (webhook) => database.call("write", "createWebhook", webhook),
    read: (id) => database.call("read", "readWebhook", id),
    list: () => database.call("read", "listWebhooks"),
    change: (id, fields, now) => database.call("write", "changeWebhook", id, fields, now),
    remove: (id) => database.call("write", "removeWebhook", id),
    test: (id, deliveryId, now) => database.call("write", "testWebhook", id, deliveryId, now),
    claim: (request) => database.call("write", "claimDeliveries", request),
    record: (request) => database.call("write", "recordAttempt", request),
    deliveries: (webhookId, request) => database.call("read", "listDeliveries", webhookId, request),
    retry: (webhookId, deliveryId, now) => database.call("write", "retryDelivery", webhookId, deliveryId, now),
    sweep: (before) => database.call("write", "sweepDeliveries", before),
  };
}
