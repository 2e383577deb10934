/** Owns the ports to what is stored of channels: themselves, the sessions of linked devices, their recipients and templates. */
import type { MessageCounts } from "../campaign/campaign.ts";
import type { Channel } from "../channel/channel.ts";
import type { WhatsAppTemplate } from "../channel/template.ts";
import type { Instant } from "../instant.ts";

type ChangeableFields = Pick<
  Channel,
  "name" | "settings" | "secrets" | "messages_per_minute" | "creates_leads" | "order" | "paired_at"
>;

/** The channel `default` is there from the first start on. */
export interface ChannelStore {
  /** `full`: there are `MAX_CHANNELS`. */
  create(channel: Channel): Promise<"created" | "taken" | "full">;
  read(id: string): Promise<Channel | null>;
  /** All of them: the default one, then the others in the order of their identifiers. */
  list(): Promise<Channel[]>;
  /** Replaces the given fields, where it is still as of `seenAt`, its `updated_at` (null: however it is); null where it is not there. */
  change(
    id: string,
    fields: Partial<ChangeableFields>,
    now: Instant,
    seenAt: Instant | null,
  ): Promise<{ kind: "changed"; channel: Channel } | { kind: "changed_since"; channel: Channel } | null>;
  /**
   * Takes it away with its session, its recipients and its templates; refuses while a campaign that is not finished sends over it,
   * and for the default one.
   */
  remove(id: string): Promise<{ kind: "removed" } | { kind: "not_found" } | { kind: "in_use"; campaigns: string[] }>;
  /** How many messages of all campaigns over the channel stand in each status. */
  counts(id: string): Promise<MessageCounts>;
}

/**
 * The sessions of linked devices: what a device knows, sealed, under keys of its own. A session has at most one owner at a time, who
 * keeps it by coming back before the lease ends.
 */
export interface SessionStore {
  /**
   * Takes the session, or keeps it, until `now + leaseMs`, where nobody else has it then. Whoever has it is told by `isWanted` that
   * another process `wants` it, and may let it go; a note of that ends with the owner's hold, and 10 seconds after it was last made.
   */
  hold(request: {
    channel_id: string;
    owner: string;
    wants: boolean;
    leaseMs: number;
    now: Instant;
  }): Promise<{ kind: "held"; isWanted: boolean } | { kind: "elsewhere"; owner: string; until: Instant }>;
  /** Nothing where the session is another's. */
  letGo(channelId: string, owner: string): Promise<void>;
  /** The values of those `keys` that there are. */
  read(channelId: string, keys: readonly string[]): Promise<Record<string, string>>;
  /**
   * Writes all entries in one transaction (null takes one away), where `owner` has the session at `now`; false, and nothing
   * written, where it has not.
   */
  write(request: {
    channel_id: string;
    owner: string;
    entries: Readonly<Record<string, string | null>>;
    now: Instant;
  }): Promise<boolean>;
  /** Takes everything away that begins with `prefix` ("" for all), where `owner` has the session at `now`. */
  clear(request: { channel_id: string; owner: string; prefix: string; now: Instant }): Promise<boolean>;
}

/** Whom a channel wrote to, and who wrote to it. */
export interface ContactStore {
  /** When each of these numbers last wrote to the channel; those that never did are left out. */
  lastTexts(channelId: string, phones: readonly string[]): Promise<Record<string, Instant>>;
  /** The numbers of those among WhatsApp's `userIds` whose number is known. */
  phonesOf(channelId: string, userIds: readonly string[]): Promise<Record<string, string>>;
  /** How many different people were written to in the 24 hours before `now`, and when the oldest of that no longer counts. */
  recipientUse(channelId: string, now: Instant): Promise<{ recipients: number; resetAt: Instant }>;
}

export interface TemplateStore {
  /** Replaces all that is known of the channel's templates. */
  replace(channelId: string, templates: readonly WhatsAppTemplate[]): Promise<void>;
  /** What Meta tells of one of them; nothing where it is not known. */
  changeStatus(channelId: string, name: string, language: string, status: string): Promise<void>;
  /** By name, then by language. */
  ofChannel(channelId: string): Promise<WhatsAppTemplate[]>;
  read(channelId: string, name: string, language: string): Promise<WhatsAppTemplate | null>;
}
