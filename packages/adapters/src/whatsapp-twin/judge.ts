/** Owns what Meta says of a message before it is sent: whether its body is right, the number may send it, and it will arrive. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { OutgoingMessage } from "@mini-crm/core/ports/whatsapp-provider";
import type { Correspondents } from "./correspondents.ts";
import { type Refusal, refusalFor } from "./graph-error.ts";
import type { Json } from "./json.ts";
import type { Limits } from "./limits.ts";
import { type MessageRequest, type Read, readMessage } from "./message-request.ts";
import type { TwinNumber } from "./number.ts";
import { hydrate, type Templates } from "./templates.ts";

/** Begins the identifiers of messages that their sender gave no data of its own. */
export const UNTAGGED = "untagged-";

/** A request that holds nothing wrong, and what it sends. */
export interface Readable {
  request: MessageRequest;
  message: OutgoingMessage;
  /** The template's; null for a free-form message. */
  category: string | null;
}

export interface JudgeDeps {
  clock: Clock;
  number: () => Required<TwinNumber>;
  limits: Limits;
  people: Correspondents;
  templates: Templates;
}

export interface Judge {
  /** What the body says, where it is right. */
  read(body: Json): Read<Readable>;
  /** The first limit that is in a message's way; null where it may go, and then it counts. */
  limit(message: OutgoingMessage): Refusal | null;
  /** What Meta finds out only after it has accepted: the code that the message will fail with. */
  laterFailure(readable: Readable): number | null;
}

export function createJudge({ clock, number, limits, people, templates }: JudgeDeps): Judge {
  function isWindowOpen(phone: string): boolean {
    const { windowMs } = number();
    return windowMs === null || clock.now() - (people.lastWrote(phone) ?? Number.NEGATIVE_INFINITY) < windowMs;
  }

  function read(body: Json): Read<Readable> {
    const request = readMessage(body);
    if (!request.ok) return request;
    const { to, opaque, content } = request.value;
    const own = { messageId: opaque ?? `${UNTAGGED}${clock.random()}`, to };
    if (content.kind === "free") {
      return {
        ok: true,
        value: { request: request.value, message: { ...own, ...content.free, template: null }, category: null },
      };
    }
    const hydrated = hydrate(templates, number().businessAccountId, content.template);
    if (!hydrated.ok) return hydrated;
    const { content: says, outgoing: template, category } = hydrated.value;
    return { ok: true, value: { request: request.value, message: { ...own, ...says, template }, category } };
  }

  function codeOf({ to, template }: OutgoingMessage): number | null {
    if (!limits.takeRate()) return 130429;
    if (!limits.takePair(to)) return 131056;
    return template === null || isWindowOpen(to) || limits.takeRecipient(to) ? null : 131048;
  }

  return {
    read,
    limit(message) {
      const code = codeOf(message);
      return code === null ? null : refusalFor(code);
    },
    laterFailure({ message: { to, template }, category }) {
      if (template === null) return isWindowOpen(to) ? null : 131047;
      return category === "MARKETING" && people.hasStopped(to) ? 131050 : null;
    },
  };
}
