/** Owns changes of templates' statuses, and that the webhooks hear of them. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { TwinLine } from "./line.ts";
import type { TwinNumber } from "./number.ts";
import type { StoredTemplate, Templates } from "./templates.ts";
import { postWebhook, templateBody } from "./webhooks.ts";

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;

export interface TemplateNews {
  /** Changes the status, such as to `PAUSED`; false where there is no such template. */
  setStatus(name: string, language: string, status: string): boolean;
  /** Breaks off what is being told. */
  end(): void;
}

export function createTemplateNews(clock: Clock, templates: Templates, lines: ReadonlyMap<string, TwinLine>): TemplateNews {
  const ended = new AbortController();

  /** Of each account that has the template, each webhook. */
  function concerned({ businessAccountId }: StoredTemplate): TwinNumber[] {
    const told = new Map<string, TwinNumber>();
    for (const line of lines.values()) {
      const number = line.number();
      const isMeant = businessAccountId === null || businessAccountId === number.businessAccountId;
      if (isMeant) told.set(`${number.businessAccountId} ${number.webhookUrl}`, number);
    }
    return [...told.values()];
  }

  async function tell({ webhookUrl, appSecret, businessAccountId }: TwinNumber, template: StoredTemplate): Promise<void> {
    if (webhookUrl === null) return;
    const body = templateBody(businessAccountId, template, clock.now());
    for (let backoffMs = FIRST_BACKOFF_MS; !ended.signal.aborted; backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2)) {
      try {
        return await postWebhook(webhookUrl, appSecret, body, ended.signal);
      } catch {
        await clock.sleep(backoffMs, ended.signal);
      }
    }
  }

  return {
    setStatus(name, language, status) {
      const meant = templates.list().filter((template) => template.name === name && template.language === language);
      for (const template of meant) {
        template.status = status;
        for (const number of concerned(template)) void tell(number, template);
      }
      return meant.length > 0;
    },
    end: () => ended.abort(),
  };
}
