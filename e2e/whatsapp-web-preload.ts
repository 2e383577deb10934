/** Owns how a started process comes to a test's fake WhatsApp Web: loaded before it, this leads Baileys there by Baileys' own defaults. */
import { isMainThread } from "node:worker_threads";
import { createMediaAgent } from "@mini-crm/adapters/whatsapp-web/fake-server/media";
import { loadBaileys } from "@mini-crm/adapters/whatsapp-web/load-baileys";

const { FAKE_WHATSAPP_WEB_URL: url, FAKE_WHATSAPP_WEB_KEY: key } = process.env;

// Worker threads load this too, and none of them connects.
if (isMainThread) {
  const baileys = await loadBaileys();
  if (baileys === null || url === undefined || key === undefined) {
    throw new Error("Baileys must be installed, and FAKE_WHATSAPP_WEB_URL and FAKE_WHATSAPP_WEB_KEY must be set.");
  }
  baileys.DEFAULT_CONNECTION_CONFIG.waWebSocketUrl = url;
  baileys.DEFAULT_CONNECTION_CONFIG.fetchAgent = createMediaAgent(Number(new URL(url).port));
  baileys.WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(key, "hex");
}
