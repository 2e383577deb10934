/** Owns how a pre-flight is shown. */
import { firstOf, type Preflight, TOKEN_VALID_MS } from "@mini-crm/core/campaign/preflight";
import { finalOf, lengthOf, REMOVALS, type SampleText } from "@mini-crm/core/campaign/survey";
import { variantName } from "@mini-crm/core/campaign/variant";
import type { PreflightJson } from "@mini-crm/wire/preflight";
import { iso, isoOrNull } from "./time.ts";

/** `outlook` is what the channel's state means for it. */
export function preflightJson(
  preflight: Preflight,
  outlook: Pick<PreflightJson, "limit_per_minute" | "recipients_per_day" | "messages_ahead" | "estimated_done_at">,
): PreflightJson {
  const { survey, frozen, options } = preflight;
  const first = firstOf(preflight);
  return {
    preflight_token: preflight.token,
    expires_at: iso(preflight.at + TOKEN_VALID_MS),
    campaign_id: preflight.campaign_id,
    at: iso(preflight.at),
    waterfall: waterfallOf(survey),
    doubtful_numbers: { doubtful: survey.doubtful.found, looked_up: survey.doubtful.lookedUp },
    blanks: Object.entries(survey.blanks)
      .map(([variable, leads]) => ({ variable, leads }))
      .sort((a, b) => b.leads - a.leads),
    variants: frozen.variants.map(({ name, percent }, index) => ({ name, percent, messages: survey.variants[index] ?? 0 })),
    by_template: survey.by_template,
    samples: [...survey.samples, ...survey.holes].map((sample) => sampleJson(sample, preflight)),
    longest: extremeJson(survey.longest),
    shortest: extremeJson(survey.shortest),
    quiet_hours: options.quiet_hours === null ? null : { waiting: survey.quiet.leads, until: isoOrNull(survey.quiet.until) },
    canary: first === null || options.canary === null ? null : { first, wait_minutes: options.canary.wait_minutes },
    ...outlook,
  };
}

function waterfallOf(survey: Preflight["survey"]): PreflightJson["waterfall"] {
  let left = survey.matched;
  const steps = REMOVALS.map((step) => {
    const removed = survey.removed[step];
    left -= removed;
    return { step, removed, left };
  });
  return { matched: survey.matched, steps, final: finalOf(survey) };
}

function sampleJson({ variant, worded, ...sample }: SampleText, { frozen }: Preflight): PreflightJson["samples"][number] {
  const content = worded.kind === "content" ? worded.content : null;
  return {
    ...sample,
    variant: variantName(frozen.variants, variant),
    text: content?.text ?? null,
    template: content?.template?.name ?? null,
    blank: worded.kind === "blank" ? worded.variable : null,
    reason: worded.kind === "failed" ? worded.reason : null,
  };
}

function extremeJson(sample: SampleText | null): PreflightJson["longest"] {
  if (sample === null || sample.worded.kind !== "content") return null;
  return { lead_id: sample.lead_id, text: sample.worded.content.text, length: lengthOf(sample) };
}
