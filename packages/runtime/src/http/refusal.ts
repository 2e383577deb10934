/** Owns the refusal: what a route throws when it answers a request with anything but success. */
import type { Problem } from "@mini-crm/core/problem";

export interface RefusalOptions {
  /** The HTTP status, 400 to 599. */
  status: number;
  /** For a machine to branch on, such as `SEGMENT_NOT_FOUND`. */
  code: string;
  /** For a person: what is wrong, in one sentence. */
  message: string;
  /** Either one sentence more, or every problem of the input. */
  details: string | readonly Problem[];
  headers?: Record<string, string>;
}

/** Thrown by routes and hooks; the server's error handler turns it into the error envelope. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: string | readonly Problem[];
  readonly headers: Record<string, string>;

  constructor(options: RefusalOptions) {
    super(options.message);
    this.name = "Refusal";
    this.status = options.status;
    this.code = options.code;
    this.details = options.details;
    this.headers = options.headers ?? {};
  }
}

/** What the input of a request breaks, told by field; at least one problem. */
export function invalidInput(problems: readonly Problem[]): Refusal {
  const [first, ...others] = problems;
  const more = others.length === 0 ? "" : ` (and ${others.length} more, see details)`;
  return new Refusal({
    status: 400,
    code: "VALIDATION_FAILED",
    message: `${first?.message ?? "The request is not valid."}${more}`,
    details: problems,
  });
}
