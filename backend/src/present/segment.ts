/** Owns how a segment is shown. */
import type { Segment } from "@mini-crm/core/segment/segment";
import type { SegmentJson } from "@mini-crm/wire/segment";
import { iso } from "./time.ts";

export function segmentJson(segment: Segment): SegmentJson {
  return { ...segment, created_at: iso(segment.created_at), updated_at: iso(segment.updated_at) };
}
