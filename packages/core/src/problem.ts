/** Owns how a refusal is told: which field, which rule it broke, and in words what to do. */

export interface Problem {
  /** Where: a dotted path from the outermost object, such as `emails[2]` or `children[0].operator`; empty for the whole. */
  field: string;
  /** Which rule was broken, for a machine to branch on, such as `max_length` or `unknown_field`. */
  rule: string;
  /** The same for a person, with what to do about it. */
  message: string;
}
