/** Owns how an inbound text is shown. */
import type { InboundMessage } from "@mini-crm/core/message/inbound";
import type { InboundJson } from "@mini-crm/wire/inbound";
import { iso } from "./time.ts";

export function inboundJson(inbound: InboundMessage): InboundJson {
  return { ...inbound, at: iso(inbound.at), received_at: iso(inbound.received_at) };
}
