/** Owns how a body's words on what a campaign says, and how, are read. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { CampaignOptions, CampaignTemplate, Canary } from "@mini-crm/core/campaign/options";
import { optionProblems } from "@mini-crm/core/campaign/read-options";
import type { Instant } from "@mini-crm/core/instant";
import { parseTemplate } from "@mini-crm/core/template/template";
import { invalidInput } from "@mini-crm/runtime/http/refusal";
import type { CampaignChangeBody } from "@mini-crm/wire/campaign";

type Content = Pick<Campaign, "message_template" | "options">;

/** Returns `known` with what `body` says instead; refuses what cannot be meant. With variants the first one is the template. */
export function contentOf(body: CampaignChangeBody, known: Content, now: Instant): Content {
  const options = optionsOf(body, known.options);
  const problems = optionProblems(options, now);
  const [first] = options.variants;
  if (first !== undefined && body.message_template !== undefined && body.message_template !== first.message_template) {
    const message = "Give `message_template` or `variants`, not both: each variant has a text of its own.";
    problems.push({ field: "message_template", rule: "either", message });
  }
  const message_template = first?.message_template ?? body.message_template ?? known.message_template;
  const parsed = parseTemplate(message_template);
  if (!parsed.ok && first === undefined) problems.push(parsed.problem);
  if (problems.length > 0) throw invalidInput(problems);
  return { message_template, options };
}

function optionsOf(body: CampaignChangeBody, known: CampaignOptions): CampaignOptions {
  const { quiet_hours, frequency_cap, expires_at, canary, variants, media, buttons, template } = body;
  return {
    quiet_hours: quiet_hours === undefined ? known.quiet_hours : quiet_hours,
    frequency_cap: frequency_cap === undefined ? known.frequency_cap : frequency_cap,
    expires_at: expires_at === undefined ? known.expires_at : expires_at === null ? null : Date.parse(expires_at),
    canary: canary === undefined ? known.canary : canary === null ? null : { ...CANARY_DEFAULTS, ...canary },
    variants: variants === undefined ? known.variants : (variants ?? []),
    media: media === undefined ? known.media : media && { filename: null, ...media },
    buttons: buttons === undefined ? known.buttons : (buttons ?? []),
    template: template === undefined ? known.template : template && templateIn(template),
  };
}

function templateIn({ parameters = [], ...template }: NonNullable<CampaignChangeBody["template"]>): CampaignTemplate {
  return { ...template, parameters: parameters.map(({ name = null, value }) => ({ name, value })) };
}

const CANARY_DEFAULTS: Omit<Canary, "percent"> = { wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 2 };
