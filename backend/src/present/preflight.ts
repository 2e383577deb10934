/** Owns how a pre-flight is shown. */
import { firstOf, type Preflight, TOKEN_VALID_MS } from "@mini-crm/core/campaign/preflight";
import { finalOf, lengthOf, REMOVALS, type SampleText } from "@mini-crm/core/campaign/survey";
import { variantName } from "@mini-crm/core/campaign/variant";
import type { PreflightJson } from "@mini-crm/wire/preflight";
import { iso, isoOrNull } from "./time.ts";

/** `outlook` is what the channel's state means for it. */
export function preflightJson(
  preflight: Preflight,
  outlook: Pick<PreflightJson, "limit_per_minute" | "messages_ahead" | "estimated_done_at">,
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

function sampleJson({ variant, rendered, ...sample }: SampleText, { frozen }: Preflight): PreflightJson["samples"][number] {
  return {
    ...sample,
    variant: variantName(frozen.variants, variant),
    text: rendered.kind === "text" ? rendered.text : null,
    blank: rendered.kind === "blank" ? rendered.variable : null,
    reason: rendered.kind === "failed" ? rendered.reason : null,
  };
}

function extremeJson(sample: SampleText | null): PreflightJson["longest"] {
  if (sample === null || sample.rendered.kind !== "text") return null;
  return { lead_id: sample.lead_id, text: sample.rendered.text, length: lengthOf(sample) };
}
