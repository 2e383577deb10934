/** Owns what a segment is: a saved rule that describes an audience. */
import type { Instant } from "../instant.ts";
import type { Rule } from "./rule.ts";

export interface Segment {
  _id: string;
  name: string;
  owner_user_id: string;
  rule_ast: Rule;
  created_at: Instant;
  updated_at: Instant;
}
