import { describeWhatsAppProvider } from "@mini-crm/core/contracts/whatsapp-provider";
import { openStage, until } from "./temporary.ts";

const UNREGISTERED = "+4930123";

describeWhatsAppProvider("WhatsApp Web", async () => {
  const stage = await openStage();
  stage.fake.behave({ receipts: "delivered", unregistered: [UNREGISTERED] });
  // Linked by another process before, so that this one finds a session.
  const first = stage.provider("first");
  await stage.link(first);
  await first.stop();
  return {
    provider: stage.provider("second"),
    until,
    sentTexts: async () => stage.fake.outbox().map(({ to, text }) => ({ to, text })),
    async receive({ from, name, text }) {
      await stage.fake.receive({ from, text, ...(name === null ? {} : { name }) });
    },
    registered: "+49151",
    unregistered: UNREGISTERED,
    close: stage.end,
  };
});
