/** Owns the fake WhatsApp Web behind tests from outside: it runs in the test's own process, which nothing that is killed takes along. */
import { type FakeWhatsAppWeb, startFakeWhatsAppWeb } from "@mini-crm/adapters/whatsapp-web/fake-server/fake-server";
import { providerIdOf } from "@mini-crm/adapters/whatsapp-web/sent-messages";
import { ask, campaignsThatRan, readLedger } from "@mini-crm/cli/drill/campaigns";
import type { Departed, OutsideWorld } from "@mini-crm/cli/drill/whatsapp";
import type { ChannelJson } from "@mini-crm/wire/channel";
import { eventually, type System } from "./system.ts";

const PRELOAD = new URL("whatsapp-web-preload.ts", import.meta.url).href;

type Backend = Pick<System, "backendUrl">;

export interface FakeWeb extends Pick<OutsideWorld, "name" | "settings" | "outbox" | "close"> {
  fake: FakeWhatsAppWeb;
  /** Makes the default channel a linked device that does not pause, and links it. */
  connect(system: Backend): Promise<void>;
}

/** Whatever it accepts is delivered, unless a test says otherwise. */
export async function openFakeWeb(): Promise<FakeWeb> {
  const fake = await startFakeWhatsAppWeb();
  fake.behave({ receipts: "delivered" });
  return {
    name: "a fake WhatsApp Web",
    fake,
    settings: {
      NODE_OPTIONS: `--import ${PRELOAD}`,
      FAKE_WHATSAPP_WEB_URL: fake.url,
      FAKE_WHATSAPP_WEB_KEY: fake.certificateKey,
    },
    async connect(system) {
      await makeItWeb(system);
      await linkByQr(system, fake);
    },
    async outbox(system) {
      const ids = await messageIds(system);
      const departed = fake.outbox().map(({ id, to, text, at, receipts }): Departed => {
        const time = new Date(at).toISOString();
        const statuses = receipts.map((status) => ({ status: status === "read" ? ("READ" as const) : ("DELIVERED" as const) }));
        return { message_id: ids.get(id) ?? id, to, text, handed_over_at: time, at: time, receipts: statuses };
      });
      const times = Map.groupBy(departed, ({ message_id }) => message_id).values();
      return { departed, sentMoreThanOnce: [...times].filter(({ length }) => length > 1).length };
    },
    close: () => fake.end(),
  };
}

const DEFAULT_CHANNEL = "/api/v1/channels/default";

/** A channel that is linked to no phone yet, and will neither pause nor warm up. */
export async function makeItWeb({ backendUrl }: Backend): Promise<void> {
  const web = { warm_up: false, pause_seconds: { from: 0, to: 0 } };
  await ask("PATCH", backendUrl + DEFAULT_CHANNEL, { kind: "web", web });
}

export async function linkByQr(system: Backend, fake: FakeWhatsAppWeb): Promise<void> {
  await ask("POST", `${system.backendUrl}${DEFAULT_CHANNEL}/pair`, { method: "qr" });
  const { value } = await untilPairingIsShown(system);
  await fake.scan(value);
  await untilConnected(system);
}

/** Resolves with what the API shows to scan or to type, once the order for it is carried out. */
export function untilPairingIsShown({ backendUrl }: Backend): Promise<NonNullable<ChannelJson["connection"]["pairing"]>> {
  return eventually(async () => {
    const { order, connection } = await ask<ChannelJson>("GET", backendUrl + DEFAULT_CHANNEL);
    if (order !== null || connection.pairing === null) throw new Error(`There is nothing to scan: ${connection.state}`);
    return connection.pairing;
  });
}

/** Resolves with the connection as the API shows it, once messages go out over it. */
export function untilConnected({ backendUrl }: Backend): Promise<ChannelJson["connection"]> {
  return eventually(async () => {
    const { connection } = await ask<ChannelJson>("GET", backendUrl + DEFAULT_CHANNEL);
    if (!connection.connected) throw new Error(`It is ${connection.state}: ${connection.reason}`);
    return connection;
  });
}

/** The ledger's messages by their identifiers at WhatsApp. */
async function messageIds(system: System): Promise<Map<string, string>> {
  const ledgers = await Promise.all((await campaignsThatRan(system)).map(({ _id }) => readLedger(system, _id)));
  return new Map(ledgers.flatMap(({ rows }) => rows.map(({ _id }) => [providerIdOf(_id), _id])));
}
