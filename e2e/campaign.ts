/** Owns what end-to-end tests do with a running system, as the drill does it. */
export { importLeads, readCampaign, readOutbox, runCampaign } from "@mini-crm/cli/drill/campaigns";
