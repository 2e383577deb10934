import { expect, test } from "vitest";
import type { CampaignStatus } from "./campaign.ts";
import { CAMPAIGN_COMMANDS, transition } from "./lifecycle.ts";

const STATUSES: CampaignStatus[] = ["DRAFT", "SCHEDULED", "RUNNING", "PAUSED", "COMPLETED", "CANCELLED", "FAILED"];

test("each command moves a campaign from where it makes sense, and from nowhere else", () => {
  const moves = CAMPAIGN_COMMANDS.flatMap((command) =>
    STATUSES.flatMap((status) => {
      const moved = transition(status, command);
      return moved.kind === "moves" ? [`${command}: ${status} -> ${moved.to}`] : [];
    }),
  );
  expect(moves).toEqual([
    "start: DRAFT -> RUNNING",
    "pause: RUNNING -> PAUSED",
    "resume: PAUSED -> RUNNING",
    "cancel: RUNNING -> CANCELLED",
    "cancel: PAUSED -> CANCELLED",
  ]);
});

test("telling it again changes nothing, but for a start, which is refused", () => {
  expect(transition("PAUSED", "pause")).toEqual({ kind: "already" });
  expect(transition("RUNNING", "resume")).toEqual({ kind: "already" });
  expect(transition("CANCELLED", "cancel")).toEqual({ kind: "already" });
  expect(transition("RUNNING", "start")).toEqual({ kind: "refused", reason: "It is RUNNING, and only a DRAFT can be started" });
});
