/** Owns how moments are written to the outside. */
import type { Instant } from "@mini-crm/core/instant";

export function iso(instant: Instant): string {
  return new Date(instant).toISOString();
}

export function isoOrNull(instant: Instant | null): string | null {
  return instant === null ? null : iso(instant);
}
