/** Owns the refusals that several routes give, in the words that callers know. */
import { clip } from "@mini-crm/core/text";
import { Refusal } from "@mini-crm/runtime/http/refusal";

export function notFound(noun: "Lead" | "Segment" | "Campaign" | "Message" | "Webhook" | "Delivery", id: string): Refusal {
  return new Refusal({
    status: 404,
    code: `${noun.toUpperCase()}_NOT_FOUND`,
    message: `${noun} not found`,
    details: `${noun} with ID ${clip(id)} does not exist`,
  });
}

/** What is in the way of a change, for the caller to move first. */
export function conflict(code: string, message: string, details: string): Refusal {
  return new Refusal({ status: 409, code, message, details });
}
