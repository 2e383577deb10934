/** Owns what the backend asks of Meta's Cloud API; each part is loaded when it is first needed. */

import type { TemplatesRead } from "@mini-crm/adapters/whatsapp-cloud/templates";
import type { Channel, CloudSecrets, CloudSettings } from "@mini-crm/core/channel/channel";
import type { Clock } from "@mini-crm/core/ports/clock";

export type { TemplateNews } from "@mini-crm/adapters/whatsapp-cloud/webhook";

/** Verifying and reading what Meta's webhooks say. */
export async function cloudWebhooks() {
  return import("@mini-crm/adapters/whatsapp-cloud/webhook");
}

const SYNC_TIMEOUT_MS = 45_000;

/** Reads all templates of the channel's business account; whatever happens, it answers within 45 seconds. */
export async function fetchTemplates(
  { _id: channelId }: Pick<Channel, "_id">,
  settings: CloudSettings,
  secrets: Pick<CloudSecrets, "access_token">,
  clock: Clock,
): Promise<TemplatesRead> {
  const templates = await import("@mini-crm/adapters/whatsapp-cloud/templates");
  const answered = new AbortController();
  const tooLate = clock.sleep(SYNC_TIMEOUT_MS, answered.signal).then(() => TOO_LATE);
  const read = templates.fetchTemplates({ channelId, settings, secrets, clock });
  return Promise.race([read, tooLate]).finally(() => answered.abort());
}

const TOO_LATE: TemplatesRead = { kind: "failed", reason: `Meta did not answer within ${SYNC_TIMEOUT_MS / 1_000} seconds.` };
