/** Owns what stands in for the provider of a channel that cannot be connected: it says why, and sends nothing. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";

/** `reason` says in words what is wrong and what to do. */
export function unopenedProvider(reason: string, clock: Pick<Clock, "now">): WhatsAppProvider {
  const since = clock.now();
  const refused = { kind: "refused", reason } as const;
  const nothingToEnd = () => {};
  return {
    start: async () => {},
    stop: async () => {},
    health: () => ({
      state: "stopped",
      since,
      reason,
      until: null,
      pairing: null,
      warning: null,
      standsBy: false,
      deviceId: "",
      userName: "",
      recipientsPerDay: null,
    }),
    pair: async () => refused,
    logOut: async () => refused,
    checkNumbers: async (phones) => phones.map((phone) => ({ phone, registered: null })),
    send: async () => ({ kind: "session", state: "stopped", reason }),
    // Nothing ever comes, so there is nothing to end.
    onReceipts: () => nothingToEnd,
    onTexts: () => nothingToEnd,
  };
}
