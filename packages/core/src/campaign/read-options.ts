/** Owns what of a campaign's options can be meant: it says what is wrong with the others, and what to do. */
import type { Instant } from "../instant.ts";
import { ianaTimeZone } from "../lead/time-zone.ts";
import { mediaProblems } from "../message/read-media.ts";
import type { Problem } from "../problem.ts";
import { parseTemplate } from "../template/template.ts";
import type { CampaignOptions, CampaignTemplate } from "./options.ts";

/** What is wrong with `options` at `now`, by field; empty where nothing is. Their shapes and ranges have been checked. */
export function optionProblems(options: CampaignOptions, now: Instant): Problem[] {
  const { quiet_hours, expires_at, variants, media, buttons, template } = options;
  const problems: Problem[] = [];
  const report = (field: string, rule: string, what: string) => problems.push({ field, rule, message: `\`${field}\` ${what}.` });
  if (quiet_hours !== null && quiet_hours.from === quiet_hours.to) {
    report("quiet_hours.to", "range", "must differ from `from`: leave the hours out, or say from when to when they are");
  }
  if (quiet_hours !== null && ianaTimeZone(quiet_hours.timezone) === null) {
    report("quiet_hours.timezone", "time_zone", 'must be the name of a time zone such as "Europe/Berlin"');
  }
  if (expires_at !== null && expires_at <= now) report("expires_at", "range", "must lie ahead: nobody would be written to");
  if (variants.length > 0) problems.push(...variantProblems(variants));
  if (media !== null) problems.push(...mediaProblems(media));
  if (new Set(buttons).size < buttons.length) report("buttons", "unique", "must not say the same twice: WhatsApp refuses that");
  if (template !== null) problems.push(...templateProblems(template));
  return problems;
}

function variantProblems(variants: CampaignOptions["variants"]): Problem[] {
  const problems: Problem[] = [];
  const sum = variants.reduce((total, { percent }) => total + percent, 0);
  if (sum !== 100) {
    const message = `\`variants\`: the percents sum to ${sum}: make them 100.`;
    problems.push({ field: "variants", rule: "sum", message });
  }
  const names = new Set(variants.map(({ name }) => name));
  if (names.size < variants.length) {
    problems.push({ field: "variants", rule: "unique", message: "`variants`: each needs a `name` of its own." });
  }
  for (const [index, { message_template }] of variants.entries()) {
    problems.push(...textProblems(message_template, `variants[${index}].message_template`));
  }
  return problems;
}

/** WhatsApp counts a template's parameters or names them, never both. */
function templateProblems({ parameters }: CampaignTemplate): Problem[] {
  const problems = parameters.flatMap(({ value }, index) => textProblems(value, `template.parameters[${index}].value`));
  const names = parameters.flatMap(({ name }) => (name === null ? [] : [name]));
  if (names.length > 0 && (names.length < parameters.length || new Set(names).size < names.length)) {
    const message = "`template.parameters`: give each a `name` of its own, or none of them one, as the template has it.";
    problems.push({ field: "template.parameters", rule: "names", message });
  }
  return problems;
}

/** What is wrong with a text that is written as templates are. */
function textProblems(text: string, field: string): Problem[] {
  const parsed = parseTemplate(text);
  if (parsed.ok) return [];
  return [{ ...parsed.problem, field, message: parsed.problem.message.replace("message_template", field) }];
}
