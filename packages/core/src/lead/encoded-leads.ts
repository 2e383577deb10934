/** Owns the bytes in which good leads cross threads: handed over instead of copied. */
import type { LeadInput } from "./lead.ts";

/** Returns leads as bytes of their own, so that they can be transferred to another thread instead of copied. */
export function encodeLeads(leads: readonly LeadInput[]): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(leads));
}

/** Reads what `encodeLeads` wrote, and nothing else: the leads are not checked again. */
export function decodeLeads(bytes: Uint8Array): LeadInput[] {
  return JSON.parse(new TextDecoder().decode(bytes));
}
