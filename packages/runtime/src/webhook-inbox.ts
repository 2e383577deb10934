/** Owns where the inbox of webhooks is: in a file of its own, so that nothing else holds its writer. */
import { join } from "node:path";
import { type Inbox, openInbox } from "@mini-crm/adapters/webhook-inbox/inbox";
import type { Config } from "./config.ts";
import type { Engines } from "./engines.ts";

export type { Inbox };

/** The inbox of this data folder, which other processes may share. */
export function openWebhookInbox<News>(
  { dataDir }: Pick<Config, "dataDir">,
  engines: Pick<Engines, "clock" | "owner">,
): Inbox<News> {
  const { clock, owner } = engines;
  return openInbox({ file: join(dataDir, "webhook-inbox.db"), clock, owner });
}
