/** Owns the contract of the `Store` port: what every engine behind it must do, proved by the same tests. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../ports/store.ts";
import { NOW } from "./samples.ts";
import { describeActivity } from "./store/activity.ts";
import { describeSegmentsAndCampaigns } from "./store/campaigns.ts";
import { describeChannels } from "./store/channels.ts";
import { describeContacts } from "./store/contacts.ts";
import { describeCourtesy } from "./store/courtesy.ts";
import { describeDirectMessages } from "./store/direct-messages.ts";
import { describeExpansion } from "./store/expansion.ts";
import { describeInbound } from "./store/inbound.ts";
import { describeLeads } from "./store/leads.ts";
import { describeLedger } from "./store/ledger.ts";
import { describeLimits } from "./store/limits.ts";
import { describeOutbox } from "./store/outbox.ts";
import { describePreflight } from "./store/preflight.ts";
import { describeRetry } from "./store/retry.ts";
import { describeScheduling } from "./store/scheduling.ts";
import { describeSending } from "./store/sending.ts";
import { describeSessions } from "./store/sessions.ts";
import { describeStatuses } from "./store/statuses.ts";
import { describeSteering } from "./store/steering.ts";
import { describeStrangers } from "./store/strangers.ts";
import { describeTemplates } from "./store/templates.ts";
import { describeWebhooks } from "./store/webhooks.ts";

/** Runs the contract on stores that `open` gives: each empty, and closed by its own `close`. */
export function describeStore(engine: string, open: () => Promise<{ store: Store; close: () => Promise<void> }>): void {
  describe(`the store on ${engine}`, () => {
    let store: Store;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ store, close } = await open());
    });
    afterEach(() => close());

    describeLeads(() => store);
    describeSegmentsAndCampaigns(() => store);
    describeExpansion(() => store);
    describePreflight(() => store);
    describeDirectMessages(() => store);
    describeSending(() => store);
    describeLimits(() => store);
    describeSteering(() => store);
    describeScheduling(() => store);
    describeRetry(() => store);
    describeLedger(() => store);
    describeCourtesy(() => store);
    describeStatuses(() => store);
    describeActivity(() => store);
    describeWebhooks(() => store);
    describeInbound(() => store);
    describeStrangers(() => store);
    describeChannels(() => store);
    describeSessions(() => store);
    describeContacts(() => store);
    describeTemplates(() => store);
    describeOutbox(() => store);

    test("signs of life are seen until their process is gone", async () => {
      await store.processes.sign({
        _id: "a",
        role: "workers",
        seen_at: NOW,
        detail: { stages: { jobExpander: "running" }, channels: [] },
      });
      await store.processes.sign({ _id: "b", role: "workers", seen_at: NOW - 60_000, detail: { stages: {}, channels: [] } });
      expect((await store.processes.seenSince(NOW - 10_000)).map(({ _id }) => _id)).toEqual(["a"]);
      await store.processes.gone("a");
      expect(await store.processes.seenSince(NOW - 10_000)).toEqual([]);
    });
  });
}
