/** Owns what end-to-end tests do with a running system, as the drill does it. */

export { importLeads, readCampaign, runCampaign } from "@mini-crm/cli/drill/campaigns";
export { SIMULATED } from "@mini-crm/cli/drill/whatsapp";
