/** Owns how a body's words on a channel are read: what it becomes, with its secrets sealed. */
import { randomBytes } from "node:crypto";
import { AppError, unreachable } from "@mini-crm/core/app-error";
import type {
  Channel,
  ChannelKind,
  ChannelSettings,
  CloudSecrets,
  CloudSettings,
  WebSettings,
} from "@mini-crm/core/channel/channel";
import type { Vault } from "@mini-crm/core/ports/vault";
import type { Problem } from "@mini-crm/core/problem";
import { quote } from "@mini-crm/core/text";
import { isLoopback } from "@mini-crm/runtime/config";
import { invalidInput, Refusal } from "@mini-crm/runtime/http/refusal";
import { openCloudSecrets, sealCloudSecrets } from "@mini-crm/runtime/vault";
import type { ChannelChangeBody } from "@mini-crm/wire/channel";

type CloudWords = NonNullable<ChannelChangeBody["cloud"]>;

/** What a body makes of a channel. */
export interface ChannelContent {
  fields: Pick<Channel, "name" | "settings" | "secrets" | "messages_per_minute" | "creates_leads">;
  /** The verify token where it is new: it must be entered at Meta, so it is shown this once. */
  verifyToken: string | null;
}

/** The most messages in a minute: what Meta allows after its upgrade, and what a linked device should never exceed. */
const MOST_PER_MINUTE: Readonly<Record<ChannelKind, number>> = { simulator: 1_000_000, cloud: 60_000, web: 20 };

const CLOUD_DEFAULTS = { base_url: "https://graph.facebook.com", api_version: "v23.0" };
const WEB_DEFAULTS: WebSettings = { pause_seconds: { from: 5, to: 30 }, warm_up: true };

/** Returns what the channel `id` becomes by `body`: `known` with what that says instead, or a new one; refuses what cannot be meant. */
export function channelContent(
  body: ChannelChangeBody,
  { id, known, vault }: { id: string; known: Channel | null; vault: Vault },
): ChannelContent {
  const kind = body.kind ?? known?.settings.kind ?? "simulator";
  const isNewKind = known?.settings.kind !== kind;
  const name = body.name ?? known?.name ?? id;
  const messages_per_minute =
    body.messages_per_minute === undefined ? (known?.messages_per_minute ?? null) : body.messages_per_minute;
  const creates_leads = body.creates_leads ?? (isNewKind || known === null ? kind !== "simulator" : known.creates_leads);

  const problems = [...foreignSettings(body, kind), ...rateProblems(messages_per_minute, kind)];
  const settings = settingsIn(body, kind, known?.settings ?? null, problems);
  if (problems.length > 0) throw invalidInput(problems);
  const sealed = kind === "cloud" ? sealedSecrets(body.cloud ?? {}, { id, known, vault }) : NO_SECRETS;
  const { secrets, verifyToken } = sealed;
  return { fields: { name, settings, secrets, messages_per_minute, creates_leads }, verifyToken };
}

const NO_SECRETS = { secrets: null, verifyToken: null };

function foreignSettings(body: ChannelChangeBody, kind: ChannelKind): Problem[] {
  return (["cloud", "web"] as const)
    .filter((field) => body[field] !== undefined && field !== kind)
    .map((field) => ({
      field,
      rule: "kind",
      message: `\`${field}\` is for channels of the kind ${field}, and this one is of the kind ${kind}: leave it out.`,
    }));
}

function rateProblems(perMinute: number | null, kind: ChannelKind): Problem[] {
  const most = MOST_PER_MINUTE[kind];
  if (perMinute === null || perMinute <= most) return [];
  const message = `\`messages_per_minute\` must be ${most} or less for a channel of the kind ${kind}.`;
  return [{ field: "messages_per_minute", rule: "maximum", message }];
}

/** Adds to `problems` what is wrong with the settings. */
function settingsIn(
  body: ChannelChangeBody,
  kind: ChannelKind,
  known: ChannelSettings | null,
  problems: Problem[],
): ChannelSettings {
  switch (kind) {
    case "simulator":
      return { kind };
    case "cloud":
      return { kind, cloud: cloudIn(body.cloud ?? {}, known?.kind === "cloud" ? known.cloud : null, problems) };
    case "web": {
      const web = { ...WEB_DEFAULTS, ...(known?.kind === "web" ? known.web : {}), ...body.web };
      const { from, to } = web.pause_seconds;
      if (from > to) {
        const message = "`web.pause_seconds.from` must not be more than `to`: give the shortest pause, then the longest.";
        problems.push({ field: "web.pause_seconds.from", rule: "range", message });
      }
      return { kind, web };
    }
    default:
      return unreachable(kind);
  }
}

const REQUIRED = ["phone_number_id", "business_account_id", "access_token", "app_secret"] as const;

function cloudIn(words: CloudWords, known: CloudSettings | null, problems: Problem[]): CloudSettings {
  for (const name of known === null ? REQUIRED : []) {
    if (words[name] !== undefined) continue;
    const message = `\`cloud.${name}\` is required for a channel of the kind cloud: add it to the body.`;
    problems.push({ field: `cloud.${name}`, rule: "required", message });
  }
  const base = (words.base_url ?? known?.base_url ?? CLOUD_DEFAULTS.base_url).replace(/\/+$/, "");
  // A token that nobody may see must not be had by asking for it to be sent elsewhere.
  if (known !== null && base !== known.base_url && words.access_token === undefined) {
    const message = "`cloud.access_token` is required with another `base_url`: the one that is kept is not sent there.";
    problems.push({ field: "cloud.access_token", rule: "required", message });
  }
  const problem = baseUrlProblem(base);
  if (problem !== null) problems.push({ field: "cloud.base_url", rule: "url", message: `\`cloud.base_url\` ${problem}.` });
  return {
    phone_number_id: words.phone_number_id ?? known?.phone_number_id ?? "",
    business_account_id: words.business_account_id ?? known?.business_account_id ?? "",
    base_url: base,
    api_version: words.api_version ?? known?.api_version ?? CLOUD_DEFAULTS.api_version,
  };
}

/** The access token goes there: only encrypted, or not off this machine. */
function baseUrlProblem(text: string): string | null {
  const url = URL.parse(text);
  if (url === null) return `must be a whole address such as ${CLOUD_DEFAULTS.base_url}, but is ${quote(text)}`;
  const isOwn = url.protocol === "http:" && isLoopback(url.hostname.replace(/^\[(.*)\]$/, "$1"));
  if (url.protocol !== "https:" && !isOwn) return "must begin with https://; http:// is only for this machine";
  const isBare = url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  return isBare ? null : "must be no more than an address and a path";
}

/** Secrets that the body does not name stay; only then the known ones are opened. */
function sealedSecrets(
  { access_token, app_secret, verify_token }: CloudWords,
  { id, known, vault }: { id: string; known: Channel | null; vault: Vault },
): Pick<ChannelContent, "verifyToken"> & Pick<Channel, "secrets"> {
  const sealed = known?.secrets ?? null;
  const areAllGiven = access_token !== undefined && app_secret !== undefined && verify_token !== undefined;
  if (sealed !== null && [access_token, app_secret, verify_token].every((given) => given === undefined)) {
    return { secrets: sealed, verifyToken: null };
  }
  const kept: CloudSecrets =
    sealed === null || areAllGiven
      ? { access_token: "", app_secret: "", verify_token: newVerifyToken() }
      : opened(vault, { _id: id, secrets: sealed });
  const secrets: CloudSecrets = {
    access_token: access_token ?? kept.access_token,
    app_secret: app_secret ?? kept.app_secret,
    verify_token: verify_token ?? kept.verify_token,
  };
  const isTokenNew = sealed === null || verify_token !== undefined;
  return { secrets: sealCloudSecrets(vault, id, secrets), verifyToken: isTokenNew ? secrets.verify_token : null };
}

/** The secrets of a Cloud API channel; refuses, with what to do, where they cannot be opened. */
export function opened(vault: Vault, channel: Pick<Channel, "_id" | "secrets">): CloudSecrets {
  try {
    return openCloudSecrets(vault, channel);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new Refusal({
      status: 500,
      code: "SECRETS_UNREADABLE",
      message: "The channel's secrets cannot be opened.",
      details: `${error.message} To enter them again, give access_token, app_secret and verify_token together.`,
    });
  }
}

function newVerifyToken(): string {
  return randomBytes(24).toString("base64url");
}
