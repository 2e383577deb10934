/** Owns the way to the thread that reads bulk bodies. */
import type { EncodedLeads } from "@mini-crm/core/lead/read-leads";
import { Piscina } from "piscina";

export interface Intake {
  /** Reads `{"leads": [...]}`; the bytes are handed over and must not be used afterwards. */
  readLeads(body: Uint8Array): Promise<EncodedLeads>;
  close(): Promise<void>;
}

export function openIntake(): Intake {
  const thread = new Piscina<Uint8Array, EncodedLeads>({
    filename: new URL("./intake-thread.ts", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
  });
  return {
    readLeads: (body) => {
      const { buffer } = body;
      const isWhole = buffer instanceof ArrayBuffer && body.byteLength === buffer.byteLength;
      return thread.run(body, { transferList: isWhole ? [buffer] : [] });
    },
    close: () => thread.close(),
  };
}
