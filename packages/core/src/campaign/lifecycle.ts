/** Owns which command moves a campaign from which status to which: the one answer for everybody who asks. */
import type { CampaignStatus } from "./campaign.ts";

/** What a person can tell a campaign to do. */
export const CAMPAIGN_COMMANDS = ["start", "pause", "resume", "cancel"] as const;
export type CampaignCommand = (typeof CAMPAIGN_COMMANDS)[number];

/** What a campaign that was started can be told. */
export type SteeringCommand = Exclude<CampaignCommand, "start">;

/** `already`: it was told so before, and telling it again changes nothing. */
export type Transition = { kind: "moves"; to: CampaignStatus } | { kind: "already" } | { kind: "refused"; reason: string };

/** Where each command leads, and from where. */
const COMMANDS: Record<CampaignCommand, { from: readonly CampaignStatus[]; to: CampaignStatus; only: string }> = {
  start: { from: ["DRAFT"], to: "RUNNING", only: "only a DRAFT can be started" },
  pause: { from: ["RUNNING"], to: "PAUSED", only: "only a RUNNING campaign can be paused" },
  resume: { from: ["PAUSED"], to: "RUNNING", only: "only a PAUSED campaign can be resumed" },
  cancel: { from: ["RUNNING", "PAUSED"], to: "CANCELLED", only: "only a RUNNING or PAUSED campaign can be cancelled" },
};

/** What `command` means for a campaign in `status`. A start is never `already`: running twice is not what anybody asks for. */
export function transition(status: CampaignStatus, command: CampaignCommand): Transition {
  const { from, to, only } = COMMANDS[command];
  if (from.includes(status)) return { kind: "moves", to };
  if (status === to && command !== "start") return { kind: "already" };
  return { kind: "refused", reason: `It is ${status}, and ${only}` };
}
