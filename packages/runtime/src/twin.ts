/** Owns the twin beside a running product: a local Cloud API that the default channel is connected to, so that all can be tried. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import type { Twin, TwinNumber } from "@mini-crm/adapters/whatsapp-twin/twin";
import { AppError } from "@mini-crm/core/app-error";
import {
  type Channel,
  type CloudSecrets,
  type CloudSettings,
  DEFAULT_CHANNEL_ID,
  defaultChannel,
} from "@mini-crm/core/channel/channel";
import { fetchTemplates } from "./cloud.ts";
import type { Config } from "./config.ts";
import type { Engines } from "./engines.ts";
import { portRefusal } from "./http/listen.ts";
import { openVault, sealCloudSecrets } from "./vault.ts";

/** The number that the twin has for the default channel; no real one is called so. */
const TWIN_NUMBER = "100000000000001";
const TWIN_ACCOUNT = "200000000000001";

export interface OwnTwin extends Twin {
  /** What connects a channel to it. */
  cloud: CloudSettings;
  secrets: CloudSecrets;
  /** Says where its webhooks go: the backend's address without a slash at the end. */
  tell(backendUrl: string): void;
}

/** Starts a twin with one number for the default channel, `its` own in what is given; `file` is the witness of what left. */
export async function openTwin(
  config: Pick<Config, "simulator" | "twinPort">,
  file: string,
  its: Partial<Pick<TwinNumber, "phoneNumberId" | "messagesPerSecond" | "recipientsPerDay">> = {},
): Promise<OwnTwin> {
  const { createTwin } = await import("@mini-crm/adapters/whatsapp-twin/twin");
  const secrets: CloudSecrets = { access_token: secret(), app_secret: secret(), verify_token: secret() };
  const { seed, latency, deliveredAfter, readAfter } = config.simulator;
  const { phoneNumberId = TWIN_NUMBER } = its;
  const twin = await createTwin({
    file,
    clock: systemClock(),
    seed,
    behaviour: { latency, deliveredAfter, readAfter },
    port: config.twinPort,
    numbers: [
      {
        phoneNumberId,
        businessAccountId: TWIN_ACCOUNT,
        displayPhoneNumber: "+1 555-010-0000",
        verifiedName: "Mini CRM System",
        accessToken: secrets.access_token,
        appSecret: secrets.app_secret,
        verifyToken: secrets.verify_token,
        webhookUrl: null,
        messagesPerSecond: 80,
        recipientsPerDay: 10_000,
        ...its,
      },
    ],
    templates: TEMPLATES,
  }).catch((error: unknown) => {
    const isPorts = error instanceof Error && "syscall" in error && error.syscall === "listen";
    throw isPorts ? portRefusal(error, { host: "127.0.0.1", port: config.twinPort, setting: "TWIN_PORT" }) : error;
  });
  return {
    ...twin,
    cloud: { phone_number_id: phoneNumberId, business_account_id: TWIN_ACCOUNT, base_url: twin.url, api_version: "v23.0" },
    secrets,
    tell: (backendUrl) =>
      twin.changeNumber(phoneNumberId, { webhookUrl: `${backendUrl}/webhooks/whatsapp/${DEFAULT_CHANNEL_ID}` }),
  };
}

/**
 * Starts the twin and connects the default channel to it, until it is closed. Throws an `AppError` where that channel is connected
 * to a WhatsApp of somebody's own.
 */
export async function startTwin(
  config: Pick<Config, "dataDir" | "secretsKey" | "simulator" | "twinPort">,
  engines: Engines,
): Promise<OwnTwin> {
  const { store, clock } = engines;
  const channel = (await store.channels.read(DEFAULT_CHANNEL_ID)) ?? defaultChannel(clock.now());
  if (channel.settings.kind !== "simulator" && !isTwins(channel)) {
    const message = `The default channel is connected to a WhatsApp of your own (${channel.settings.kind}), which the twin would replace: start it on another DATA_DIR.`;
    throw new AppError("CONFIGURATION", message, { retryable: false });
  }
  const twin = await openTwin(config, join(config.dataDir, "whatsapp-twin.db"));
  const { cloud, secrets } = twin;
  const sealed = sealCloudSecrets(openVault(config), DEFAULT_CHANNEL_ID, secrets);
  // Whoever writes becomes a lead, as with every channel that is made one of this kind.
  const fields = { settings: { kind: "cloud", cloud }, secrets: sealed, creates_leads: true } as const;
  await store.channels.change(DEFAULT_CHANNEL_ID, fields, clock.now(), null);
  const read = await fetchTemplates(channel, cloud, secrets, clock);
  if (read.kind === "read") await store.templates.replace(DEFAULT_CHANNEL_ID, read.templates);
  return {
    ...twin,
    async close() {
      // Whoever runs on these data next, or already does, must not send to a twin that is gone.
      try {
        await leaveTwin(engines);
      } finally {
        await twin.close();
      }
    },
  };
}

/** Connects a default channel that is at the twin, perhaps since a run that was killed, to the simulator again. */
export async function leaveTwin({ store, clock }: Engines): Promise<void> {
  const channel = await store.channels.read(DEFAULT_CHANNEL_ID);
  if (channel === null || !isTwins(channel)) return;
  const fields = { settings: { kind: "simulator" }, secrets: null, creates_leads: false } as const;
  await store.channels.change(DEFAULT_CHANNEL_ID, fields, clock.now(), channel.updated_at);
}

function isTwins({ settings }: Channel): boolean {
  return settings.kind === "cloud" && settings.cloud.phone_number_id === TWIN_NUMBER;
}

function secret(): string {
  return randomBytes(24).toString("base64url");
}

const TEMPLATES = [
  {
    name: "hello",
    language: "en_US",
    category: "UTILITY",
    components: [{ type: "BODY", text: "Hello {{1}}, thank you for being with us." }],
  },
  {
    name: "offer",
    language: "en_US",
    category: "MARKETING",
    components: [
      { type: "BODY", text: "Hi {{1}}, this week there is {{2}} off for you." },
      { type: "FOOTER", text: "Reply STOP to get no more of these" },
      { type: "BUTTONS", buttons: [{ type: "QUICK_REPLY", text: "Stop" }] },
    ],
  },
] as const;
