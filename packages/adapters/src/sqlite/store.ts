/** Owns the `Store` port on SQLite: every verb with the lane that carries it out. */
import type { CarriedOut, Step } from "@mini-crm/core/ports/steps";
import type { Store } from "@mini-crm/core/ports/store";
import { claimOf } from "./claim.ts";
import type { Database } from "./database.ts";

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
    messages: {
      claim: async (request) => claimOf(await database.call("write", "claimMessages", request), request.campaign_id),
      admit: (request) => database.call("write", "admitMessages", request),
      read: (id) => database.call("read", "readMessage", id),
      ofCampaign: (campaignId, request) => database.call("read", "messagesOfCampaign", campaignId, request),
      next: (campaignId, request) => database.call("scan", "nextMessages", campaignId, request),
      history: (id) => database.call("read", "messageHistory", id),
      counts: (campaignId) => database.call("read", "ledgerCounts", campaignId),
      countRows: (campaignId) => database.call("scan", "countRows", campaignId),
      nextDue: (campaignId) => database.call("read", "nextDue", campaignId),
      sentSince: (campaignId, since) => database.call("read", "sentSince", campaignId, since),
      ofLead: (leadId, limit) => database.call("read", "messagesOfLead", leadId, limit),
      waiting: (channelId) => database.call("read", "countWaiting", channelId),
      rateUse: (channelId, rate, now) => database.call("read", "rateUse", channelId, rate, now),
    },
    processes: {
      sign: (sign) => database.call("write", "signProcess", sign),
      gone: (id) => database.call("write", "processGone", id),
      died: (id, now) => database.call("write", "processDied", id, now),
      seenSince: (since) => database.call("read", "processesSince", since),
    },
    carryOut: async <const S extends readonly Step[]>(steps: S) =>
      (await database.call("write", "carryOut", steps)) as CarriedOut<S>,
    /** Looks where nobody queues: behind a bulk import's transaction, a ping would tell of the import, not of the store. */
    ping: () => database.call("read", "ping"),
    close: () => database.close(),
  };
}
