/** Owns which command moves a campaign from which status to which: the one answer for everybody who asks. */
import type { CampaignStatus } from "./campaign.ts";

/** What a campaign can be told to do. */
export type CampaignCommand = "start" | "schedule" | "unschedule" | "pause" | "resume" | "cancel" | "retry";

/** What a campaign that was started can be told. */
export type SteeringCommand = Extract<CampaignCommand, "pause" | "resume" | "cancel">;

/** `already`: it was told so before, and telling it again changes nothing. */
export type Transition = { kind: "moves"; to: CampaignStatus } | { kind: "already" } | { kind: "refused"; reason: string };

/** Where each command leads from where, in which status it has been carried out already, and who may be told it. */
const COMMANDS: Record<CampaignCommand, { moves: Moves; already: CampaignStatus | null; only: string; first?: Advice }> = {
  // A start is never `already`: running twice is not what anybody asks for.
  start: {
    moves: { DRAFT: "RUNNING", SCHEDULED: "RUNNING" },
    already: null,
    only: "only a DRAFT or SCHEDULED one can be started",
  },
  schedule: {
    moves: { DRAFT: "SCHEDULED", SCHEDULED: "SCHEDULED" },
    already: null,
    only: "only a DRAFT or SCHEDULED one can be scheduled",
  },
  unschedule: { moves: { SCHEDULED: "DRAFT" }, already: "DRAFT", only: "only a SCHEDULED campaign can be unscheduled" },
  pause: { moves: { RUNNING: "PAUSED" }, already: "PAUSED", only: "only a RUNNING campaign can be paused" },
  resume: { moves: { PAUSED: "RUNNING" }, already: "RUNNING", only: "only a PAUSED campaign can be resumed" },
  cancel: {
    moves: { RUNNING: "CANCELLED", PAUSED: "CANCELLED" },
    already: "CANCELLED",
    only: "only a RUNNING or PAUSED campaign can be cancelled",
    first: { SCHEDULED: "unschedule it first" },
  },
  // Messages that are tried again wait for their turn, in a paused campaign until it is resumed.
  retry: {
    moves: { COMPLETED: "RUNNING", RUNNING: "RUNNING", PAUSED: "PAUSED" },
    already: null,
    only: "only messages of a RUNNING, PAUSED or COMPLETED campaign can be tried again",
  },
};
type Moves = Partial<Record<CampaignStatus, CampaignStatus>>;
/** What to do in which status before the command makes sense. */
type Advice = Partial<Record<CampaignStatus, string>>;

/** What `command` means for a campaign in `status`. */
export function transition(status: CampaignStatus, command: CampaignCommand): Transition {
  const { moves, already, only, first } = COMMANDS[command];
  const to = moves[status];
  if (to !== undefined) return { kind: "moves", to };
  if (status === already) return { kind: "already" };
  const advice = first?.[status];
  return { kind: "refused", reason: `It is ${status}, and ${only}${advice === undefined ? "" : `: ${advice}`}` };
}
