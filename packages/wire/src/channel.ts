/** Owns channels as they stand on the wire. Their secrets only come in; what stands in an answer says that they are there. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { TextOrNull, Time, TimeOrNull, textUpTo } from "./text.ts";

const CHANNEL_KINDS = ["simulator", "cloud", "web"] as const;
const KindJson = Type.Enum([...CHANNEL_KINDS], {
  description: "simulator: nothing leaves this machine; cloud: Meta's Cloud API; web: linked to a phone by WhatsApp Web",
});

const channelId = Type.String({
  pattern: "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
  errorMessage: { pattern: "must be 1 to 64 lowercase letters, digits and dashes, such as shop-berlin" },
  description: "What campaigns name it by; made from the name where it is left out",
  examples: ["shop-berlin"],
});
const name = textUpTo(100, "What people call it");
const messagesPerMinute = Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], {
  description:
    "The most messages in any minute: up to 60,000 for cloud, 20 for web, 1,000,000 for simulator; null: as configured for all",
});
const createsLeads = Type.Boolean({ description: "Whoever writes to it and is no lead yet becomes one; true for cloud and web" });

/** What Meta calls its things by; it stands in paths. */
const graphId = { pattern: "^[A-Za-z0-9_-]{1,64}$", errorMessage: { pattern: "must be an identifier as Meta shows it" } };
const secret = Type.String({
  pattern: "^[!-~]{1,1000}$",
  errorMessage: { pattern: "must be 1 to 1000 characters without spaces" },
});
const CLOUD_FIELDS = {
  phone_number_id: Type.String({ ...graphId, description: "Of the number, not the number itself" }),
  business_account_id: Type.String({ ...graphId, description: "The WhatsApp Business Account, which owns the templates" }),
  access_token: Type.String({ ...secret, description: "A system user's; kept sealed, never shown again" }),
  app_secret: Type.String({
    ...secret,
    description: "The app's, which webhooks are signed with; kept sealed, never shown again",
  }),
};
const CLOUD_DEFAULTED_FIELDS = {
  verify_token: Type.Optional(
    Type.String({ ...secret, description: "What Meta must say when it verifies the webhook; made where it is left out" }),
  ),
  base_url: Type.Optional(
    Type.String({ maxLength: 2_000, default: "https://graph.facebook.com", description: "https, or http to this machine" }),
  ),
  api_version: Type.Optional(
    Type.String({
      pattern: "^v\\d{1,3}\\.\\d{1,2}$",
      errorMessage: { pattern: "must be a version of the Graph API such as v23.0" },
      default: "v23.0",
    }),
  ),
};
const CloudBody = Type.Object({ ...CLOUD_FIELDS, ...CLOUD_DEFAULTED_FIELDS }, { additionalProperties: false });
const CloudChangeBody = Type.Object(
  { ...Type.Partial(Type.Object(CLOUD_FIELDS)).properties, ...CLOUD_DEFAULTED_FIELDS },
  { additionalProperties: false, description: "What is left out stays, where the channel is of the kind cloud already" },
);
const seconds = Type.Number({ minimum: 0, maximum: 3_600 });
const WebBody = Type.Object(
  {
    pause_seconds: Type.Optional(
      Type.Object(
        { from: seconds, to: seconds },
        { additionalProperties: false, description: "Between two messages it waits for a time drawn from this span; 5 to 30" },
      ),
    ),
    warm_up: Type.Optional(
      Type.Boolean({ default: true, description: "A young number writes to few people at first, and to more from day to day" }),
    ),
  },
  { additionalProperties: false },
);

export const ChannelBody = Type.Object(
  {
    _id: Type.Optional(channelId),
    name,
    kind: KindJson,
    messages_per_minute: Type.Optional(messagesPerMinute),
    creates_leads: Type.Optional(createsLeads),
    cloud: Type.Optional(CloudBody),
    web: Type.Optional(WebBody),
  },
  { additionalProperties: false },
);
export type ChannelBody = Static<typeof ChannelBody>;

export const ChannelChangeBody = Type.Object(
  {
    name: Type.Optional(name),
    kind: Type.Optional(KindJson),
    messages_per_minute: Type.Optional(messagesPerMinute),
    creates_leads: Type.Optional(createsLeads),
    cloud: Type.Optional(CloudChangeBody),
    web: Type.Optional(WebBody),
  },
  { additionalProperties: false },
);
export type ChannelChangeBody = Static<typeof ChannelChangeBody>;

export const PairBody = Type.Object(
  {
    method: Type.Enum(["qr", "code"], { description: "qr: a picture to scan; code: a code to type into the phone" }),
    phone: Type.Optional(Type.String({ maxLength: 60, description: "For a code: the phone's number, with its country code" })),
  },
  { additionalProperties: false },
);

const IsSet = Type.Literal("set", { description: "It is kept, and is never shown" });
const CloudJson = Type.Object({
  phone_number_id: Type.String(),
  business_account_id: Type.String(),
  base_url: Type.String(),
  api_version: Type.String(),
  access_token: IsSet,
  app_secret: IsSet,
  verify_token: IsSet,
  webhook_url: Type.String({ description: "What to enter at Meta as the callback URL of the app's webhook" }),
});
const WebJson = Type.Object({
  pause_seconds: Type.Object({ from: Type.Number(), to: Type.Number() }),
  warm_up: Type.Boolean(),
});

const Order = Type.Object(
  { order: Type.Enum(["pair", "log_out"]), method: Type.Optional(Type.Enum(["qr", "code"])), at: Time },
  { description: "What somebody wants of the connection, until a worker has carried it out" },
);

const PairingJson = Type.Object({
  method: Type.Enum(["qr", "code"]),
  value: Type.String({ description: "The text in the QR code, or the code to type" }),
  expires_at: Time,
  seconds_left: Type.Integer(),
});

export const ConnectionJson = Type.Object({
  connected: Type.Boolean({ description: "True where the next message would really be sent" }),
  state: Type.Enum([
    "stopped",
    "connecting",
    "awaiting_scan",
    "syncing",
    "open",
    "reconnecting",
    "restricted",
    "replaced",
    "auth_invalid",
    "logged_out",
    "banned",
  ]),
  since: TimeOrNull,
  reason: Type.Union([Type.String(), Type.Null()], { description: "Why it is not connected, in words" }),
  until: Type.Union([Time, Type.Null()], { description: "When it tries again, or until when it is restricted" }),
  pairing: Type.Union([PairingJson, Type.Null()]),
  needs_person: Type.Boolean({ description: "True: it stays as it is until a person does something" }),
  next: Type.Union([Type.String(), Type.Null()], { description: "What to do next, in words" }),
  warning: Type.Union([Type.String(), Type.Null()], { description: "What the account was warned of" }),
  breaker: Type.Object({
    state: Type.Enum(["closed", "open", "half_open"]),
    until: Type.Union([Time, Type.Null()], { description: "Open: when a trial goes" }),
  }),
  device_id: TextOrNull,
  user_name: TextOrNull,
});
export type ConnectionJson = Static<typeof ConnectionJson>;

const Limits = Type.Object(
  {
    rate: Type.Union([
      Type.Object({
        messages_per_minute: Type.Number(),
        messages: Type.Integer({ description: "The most in any `seconds`" }),
        seconds: Type.Number(),
        used: Type.Integer({ description: "How many of `messages` are used up now" }),
        resets_at: Type.Union([Time, Type.Null()], { description: "When the oldest of them no longer counts" }),
      }),
      Type.Null(),
    ]),
    recipients: Type.Union([
      Type.Object({
        per_day: Type.Integer({ description: "The most different people in any 24 hours: Meta's tier, or warming up" }),
        used: Type.Integer(),
        resets_at: TimeOrNull,
      }),
      Type.Null(),
    ]),
    seconds_between_messages_to_one: Type.Union([Type.Number(), Type.Null()]),
  },
  { description: "What holds now, and how much of it is used; null for no limit" },
);

const ChannelStats = Type.Object(
  {
    sent: Type.Integer({ description: "Also those that were delivered and read since" }),
    delivered: Type.Integer({ description: "Also those that were read since" }),
    read: Type.Integer(),
    failed: Type.Integer(),
    skipped: Type.Integer(),
    uncertain: Type.Integer(),
    cancelled: Type.Integer(),
    pending: Type.Integer(),
  },
  { description: "The messages of all campaigns over it" },
);
export type ChannelStats = Static<typeof ChannelStats>;

export const ChannelJson = Type.Object({
  _id: Type.String(),
  name: Type.String(),
  kind: KindJson,
  messages_per_minute: Type.Union([Type.Integer(), Type.Null()]),
  creates_leads: Type.Boolean(),
  cloud: Type.Union([CloudJson, Type.Null()]),
  web: Type.Union([WebJson, Type.Null()]),
  order: Type.Union([Order, Type.Null()]),
  paired_at: TimeOrNull,
  created_at: Time,
  updated_at: Time,
  connection: ConnectionJson,
  limits: Limits,
  stats: ChannelStats,
  queue_size: Type.Integer({ description: "Messages of running campaigns that have not gone out yet" }),
});
export type ChannelJson = Static<typeof ChannelJson>;

export const ChannelAnswer = success(ChannelJson);
export const ChannelListAnswer = success(Type.Array(ChannelJson));
export const ChannelCreatedAnswer = success(
  Type.Object({
    ...ChannelJson.properties,
    meta: Type.Optional(
      Type.Object(
        { callback_url: Type.String(), verify_token: Type.String({ description: "It is never shown again" }) },
        { description: "Of a Cloud API channel: what to enter at Meta, under WhatsApp, Configuration, Webhook" },
      ),
    ),
  }),
);

export const TemplateJson = Type.Object({
  name: Type.String(),
  language: Type.String(),
  category: Type.String(),
  status: Type.String({ description: "Only APPROVED ones can be sent" }),
  header: Type.Union([Type.Object({ format: Type.String(), text: Type.Optional(Type.String()) }), Type.Null()]),
  body: Type.String(),
  footer: TextOrNull,
  buttons: Type.Array(Type.String()),
  synced_at: Time,
});
export type TemplateJson = Static<typeof TemplateJson>;
export const TemplateListAnswer = success(Type.Array(TemplateJson));
