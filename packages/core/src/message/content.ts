/** Owns what a message can hold: a text, media, buttons, or an approved template in their place. */

export interface Media {
  kind: "image" | "document";
  /** A public address that WhatsApp, or the linked device, fetches it from. */
  link: string;
  /** What a document is called; null for an image. */
  filename: string | null;
}

/** An approved template, with the values of its body's parameters in their order; the message's media is its header. */
export interface OutgoingTemplate {
  name: string;
  language: string;
  /** `name` is null where the template counts its parameters. */
  parameters: readonly { name: string | null; text: string }[];
}

export interface Content {
  /** What it says; with a template, what that reads like. */
  text: string;
  media: Media | null;
  /** What its buttons for a quick reply say, at most three. */
  buttons: readonly string[];
  /** Sent instead of the text where it is not null. */
  template: OutgoingTemplate | null;
}

export function plainText(text: string): Content {
  return { text, media: null, buttons: [], template: null };
}
