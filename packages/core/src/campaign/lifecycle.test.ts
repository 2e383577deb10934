import { expect, test } from "vitest";
import type { CampaignStatus } from "./campaign.ts";
import { type CampaignCommand, transition } from "./lifecycle.ts";

const STATUSES: CampaignStatus[] = ["DRAFT", "SCHEDULED", "RUNNING", "PAUSED", "COMPLETED", "CANCELLED", "FAILED"];
const COMMANDS: CampaignCommand[] = ["start", "schedule", "unschedule", "pause", "resume", "cancel", "retry"];

test("each command moves a campaign from where it makes sense, and from nowhere else", () => {
  const moves = COMMANDS.flatMap((command) =>
    STATUSES.flatMap((status) => {
      const moved = transition(status, command);
      return moved.kind === "moves" ? [`${command}: ${status} -> ${moved.to}`] : [];
    }),
  );
  expect(moves).toEqual([
    "start: DRAFT -> RUNNING",
    "start: SCHEDULED -> RUNNING",
    "schedule: DRAFT -> SCHEDULED",
    "schedule: SCHEDULED -> SCHEDULED",
    "unschedule: SCHEDULED -> DRAFT",
    "pause: RUNNING -> PAUSED",
    "resume: PAUSED -> RUNNING",
    "cancel: RUNNING -> CANCELLED",
    "cancel: PAUSED -> CANCELLED",
    "retry: RUNNING -> RUNNING",
    "retry: PAUSED -> PAUSED",
    "retry: COMPLETED -> RUNNING",
  ]);
});

test("a refusal says what to do first, where there is something", () => {
  expect(transition("SCHEDULED", "cancel")).toEqual({
    kind: "refused",
    reason: "It is SCHEDULED, and only a RUNNING or PAUSED campaign can be cancelled: unschedule it first",
  });
});

test("telling it again changes nothing, but for a start, which is refused", () => {
  expect(transition("DRAFT", "unschedule")).toEqual({ kind: "already" });
  expect(transition("PAUSED", "pause")).toEqual({ kind: "already" });
  expect(transition("RUNNING", "resume")).toEqual({ kind: "already" });
  expect(transition("CANCELLED", "cancel")).toEqual({ kind: "already" });
  expect(transition("RUNNING", "start")).toEqual({
    kind: "refused",
    reason: "It is RUNNING, and only a DRAFT or SCHEDULED one can be started",
  });
});
