/** Owns the thread that reads bulk bodies, so that parsing ten thousand leads keeps no other request waiting. */
import { type EncodedLeads, readEncodedLeads } from "@mini-crm/core/lead/read-leads";
import { move, transferableSymbol, valueSymbol } from "piscina";

export default function readBody(body: Uint8Array): unknown {
  const read: EncodedLeads = readEncodedLeads(body);
  // The good leads' bytes are handed over, not copied.
  return read.kind === "refused" ? read : move({ [transferableSymbol]: read.encoded.buffer, [valueSymbol]: read });
}
