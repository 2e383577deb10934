/** Owns what of a campaign's options can be meant: it says what is wrong with the others, and what to do. */
import type { Instant } from "../instant.ts";
import { ianaTimeZone } from "../lead/time-zone.ts";
import type { Problem } from "../problem.ts";
import { parseTemplate } from "../template/template.ts";
import type { CampaignOptions } from "./options.ts";

/** What is wrong with `options` at `now`, by field; empty where nothing is. Their shapes and ranges have been checked. */
export function optionProblems({ quiet_hours, expires_at, variants }: CampaignOptions, now: Instant): Problem[] {
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
    const parsed = parseTemplate(message_template);
    if (parsed.ok) continue;
    const field = `variants[${index}].message_template`;
    problems.push({ ...parsed.problem, field, message: parsed.problem.message.replace("message_template", field) });
  }
  return problems;
}
