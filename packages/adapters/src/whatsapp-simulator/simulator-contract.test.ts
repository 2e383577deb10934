import { describeWhatsAppProvider } from "@mini-crm/core/contracts/whatsapp-provider";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { createSimulator } from "./simulator.ts";

describeWhatsAppProvider("simulated WhatsApp", async () => {
  const clock = virtualClock();
  const simulator = createSimulator({ file: ":memory:", clock, seed: 1, behaviour: { notOnWhatsApp: ["+4930123"] } });
  return {
    provider: simulator,
    async until(condition) {
      const giveUpAt = clock.now() + 3_600_000;
      while (!condition()) {
        if (clock.now() > giveUpAt) throw new Error("It did not happen within an hour");
        await clock.advance(20);
      }
    },
    sentTexts: async () => simulator.outbox({ page: 1, limit: 1_000 }).items.map(({ to, text }) => ({ to, text })),
    async receive(text) {
      simulator.receive(text);
    },
    registered: "+49151",
    unregistered: "+4930123",
    close: async () => simulator.close(),
  };
});
