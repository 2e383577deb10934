import { expect, test } from "vitest";
import { draft, NOW } from "../contracts/samples.ts";
import { edited, held, removalOf, scheduled, steered } from "./changes.ts";

const hold = { code: "x", reason: "x", at: NOW };
const steer = (campaign: ReturnType<typeof draft>, command: "pause" | "resume" | "cancel") =>
  steered(campaign, { campaign_id: campaign._id, command, now: NOW + 1 });

test("a command changes what it says, and what goes on raises the campaign's job", () => {
  const running = draft({ status: "RUNNING" });
  expect(steer(running, "pause")).toMatchObject({
    fields: { status: "PAUSED", hold: null },
    noted: "campaign.paused",
    raised: [],
  });
  expect(steer(running, "cancel")).toMatchObject({
    fields: { status: "CANCELLED", expanded: true, completed_at: NOW + 1 },
    raised: [{ topic: "campaign.jobs" }],
  });
  expect(steer(running, "resume")).toEqual({ kind: "already" });
  expect(steer(draft(), "pause")).toMatchObject({ kind: "refused" });
});

test("whoever resumes what the autopilot has paused overrules it", () => {
  const paused = draft({ status: "PAUSED", canary_phase: "sending" });
  expect(steer({ ...paused, hold }, "resume")).toMatchObject({ fields: { canary_phase: "overruled" } });
  expect(steer(paused, "resume")).toMatchObject({ fields: { canary_phase: "sending" } });
});

test("scheduling ends a hold, and unscheduling makes a draft of it", () => {
  const campaign = draft({ status: "SCHEDULED", scheduled_at: NOW, hold });
  const schedule = (at: number | null) => scheduled(campaign, { campaign_id: campaign._id, at, graceMs: 5, now: NOW });
  expect(schedule(NOW + 9)).toMatchObject({ fields: { scheduled_at: NOW + 9, schedule_grace_ms: 5, hold: null } });
  expect(schedule(null)).toMatchObject({ fields: { status: "DRAFT", scheduled_at: null }, noted: "campaign.unscheduled" });
});

test("a hold pauses what runs, keeps what is scheduled, and leaves all else alone", () => {
  const holdOf = (campaign: ReturnType<typeof draft>, scheduledFor: number | null = null) =>
    held(campaign, { campaign_id: campaign._id, hold, scheduledFor });
  expect(holdOf(draft({ status: "RUNNING" }))).toMatchObject({ fields: { status: "PAUSED", hold } });
  const due = draft({ status: "SCHEDULED", scheduled_at: NOW });
  expect(holdOf(due, NOW)).toMatchObject({ fields: { status: "SCHEDULED", hold } });
  expect(holdOf(due, NOW + 1)).toEqual({ kind: "already" });
  expect(holdOf({ ...due, hold })).toEqual({ kind: "already" });
  expect(holdOf(draft())).toEqual({ kind: "already" });
});

test("an edit is always later than what it changes", () => {
  const campaign = draft({ updated_at: NOW });
  expect(edited(campaign, { name: "New" }, NOW - 5)).toMatchObject({ campaign: { name: "New", updated_at: NOW + 1 } });
  expect(edited(campaign, {}, NOW + 5)).toMatchObject({ campaign: { updated_at: NOW + 5 } });
});

test("what is scheduled, runs or is paused cannot be removed", () => {
  expect(removalOf(null)).toEqual({ kind: "not_found" });
  for (const status of ["SCHEDULED", "RUNNING", "PAUSED"] as const)
    expect(removalOf({ status })).toEqual({ kind: "in_progress", status });
  for (const status of ["DRAFT", "COMPLETED", "CANCELLED"] as const) expect(removalOf({ status })).toEqual({ kind: "removed" });
});
