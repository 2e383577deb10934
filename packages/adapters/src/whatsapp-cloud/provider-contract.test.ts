/** Runs the Cloud API adapter through the port's contract, against the twin of Meta's API and its webhooks. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describeWhatsAppProvider } from "@mini-crm/core/contracts/whatsapp-provider";
import { systemClock } from "../system-clock/system-clock.ts";
import { createTwin } from "../whatsapp-twin/twin.ts";
import { BUSINESS_ACCOUNT_ID, PHONE_NUMBER_ID } from "./local-graph.ts";
import { type CloudProvider, createCloudProvider } from "./provider.ts";

const GIVE_UP_MS = 15_000;
const SECRETS = { access_token: "EAAG-secret-token", app_secret: "app-secret", verify_token: "verify-me" };

/** Hands what is posted to the provider, as the backend does. */
async function startWebhook(provider: () => CloudProvider) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const signature = request.headers["x-hub-signature-256"];
      void provider()
        .handleWebhook(Buffer.concat(chunks), typeof signature === "string" ? signature : null)
        .then(({ status }) => response.writeHead(status).end());
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describeWhatsAppProvider("Cloud API", async () => {
  const clock = systemClock();
  const webhook = await startWebhook(() => provider);
  const twin = await createTwin({
    ...{ file: ":memory:", clock, seed: 1 },
    behaviour: {
      ...{ latency: { fromMs: 0, toMs: 5 }, sentAfter: { fromMs: 0, toMs: 5 }, deliveredAfter: { fromMs: 5, toMs: 20 } },
      ...{ readShare: 0, notOnWhatsApp: ["+4930123"] },
    },
    numbers: [
      {
        ...{ phoneNumberId: PHONE_NUMBER_ID, businessAccountId: BUSINESS_ACCOUNT_ID },
        ...{ displayPhoneNumber: "+1 555-078-3881", verifiedName: "Lucky Shrub" },
        ...{ accessToken: SECRETS.access_token, appSecret: SECRETS.app_secret, verifyToken: SECRETS.verify_token },
        ...{ webhookUrl: webhook.url, messagesPerSecond: null, pairMs: null, windowMs: null },
      },
    ],
  });
  const settings = {
    ...{ phone_number_id: PHONE_NUMBER_ID, business_account_id: BUSINESS_ACCOUNT_ID },
    ...{ base_url: twin.url, api_version: "v23.0" },
  };
  const provider = createCloudProvider({ settings, secrets: SECRETS, clock, channelId: "shop" });
  return {
    provider,
    async until(condition) {
      const giveUpAt = clock.now() + GIVE_UP_MS;
      while (!condition()) {
        if (clock.now() > giveUpAt) throw new Error(`It did not happen within ${GIVE_UP_MS / 1000} s`);
        await clock.sleep(5);
      }
    },
    sentTexts: async () => twin.controls.outbox({ page: 1, limit: 1_000 }).items.map(({ to, text }) => ({ to, text })),
    async receive(text) {
      twin.receive(PHONE_NUMBER_ID, text);
    },
    registered: "+49151",
    unregistered: "+4930123",
    async close() {
      await twin.close();
      await webhook.close();
    },
  };
});
