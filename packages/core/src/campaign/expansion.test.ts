import { describe, expect, test } from "vitest";
import { draft, EVERYBODY, NOW } from "../contracts/samples.ts";
import { noMessages } from "./campaign.ts";
import { NO_CONTENT } from "./earlier-versions.ts";
import { expansionOf, windowRaised } from "./expansion.ts";
import { NO_OPTIONS } from "./options.ts";

const frozen = { rule: EVERYBODY, variants: [], fields: [], content: NO_CONTENT, cutoff: NOW };
const running = draft({ status: "RUNNING", frozen });
const pending = { ...running, counts: { ...noMessages(), PENDING: 7 } };
const first = { after: null, now: NOW };

describe("a campaign's job", () => {
  test("goes on where the audience is written down that far", () => {
    expect(expansionOf(running, null, first)).toEqual({ kind: "goes_on", campaign: running, frozen });
    expect(expansionOf(running, "5", { after: "5", now: NOW })).toMatchObject({ kind: "goes_on" });
    expect(expansionOf({ ...running, status: "PAUSED" }, null, first)).toMatchObject({ kind: "goes_on" });
  });

  test("does nothing where it is behind, or nothing runs", () => {
    expect(expansionOf(pending, "5", { after: "3", now: NOW })).toEqual({ kind: "known", raised: [] });
    expect(expansionOf(null, null, first)).toEqual({ kind: "not_running" });
    expect(expansionOf(draft(), null, first)).toEqual({ kind: "not_running" });
    expect(expansionOf({ ...running, status: "COMPLETED" }, "g", first)).toEqual({ kind: "not_running" });
  });

  test("looks at all that is pending when it is the first one again, and goes on where the audience stands", () => {
    const known = expansionOf(pending, "5", first);
    expect(known).toMatchObject({
      kind: "known",
      raised: [{ value: { after: null, up_to: "5", messages: 7 } }, { value: { after: "5" } }],
    });
    const paused = expansionOf({ ...pending, status: "PAUSED", expanded: true }, "g", first);
    expect(paused).toEqual({ kind: "known", raised: [] });
  });

  test("ends a campaign that is cancelled or has expired", () => {
    const cancelled = { ...running, status: "CANCELLED" } as const;
    expect(expansionOf(cancelled, "5", first)).toMatchObject({ kind: "ends", ending: { status: "CANCELLED" } });
    const expired = { ...running, options: { ...NO_OPTIONS, expires_at: NOW } };
    expect(expansionOf(expired, "5", first)).toMatchObject({ kind: "ends", ending: { status: "SKIPPED", code: "expired" } });
  });
});

test("a window that was written down raises a look at its pending ones, and the job behind it unless it is the last", () => {
  const topics = (end: string | null, waiting: number) =>
    windowRaised(running, { after: null, end, pending: waiting }).map(({ topic }) => topic);
  expect(topics("5", 3)).toEqual(["campaign.messages", "campaign.jobs"]);
  expect(topics(null, 3)).toEqual(["campaign.messages"]);
  expect(topics("5", 0)).toEqual(["campaign.jobs"]);
});
