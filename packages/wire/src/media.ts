/** Owns the media of messages as they stand on the wire. */
import { Type } from "typebox";
import { TextOrNull, textUpTo } from "./text.ts";

const kind = Type.Enum(["image", "document"]);

export const MediaJson = Type.Object({ kind, link: Type.String(), filename: TextOrNull });

export const MediaBody = Type.Object(
  {
    kind,
    link: Type.String({
      maxLength: 2_000,
      description: "A public http(s) address that WhatsApp fetches it from",
      examples: ["https://example.com/offer.pdf"],
    }),
    filename: Type.Optional(Type.Union([textUpTo(240, "What a document is called"), Type.Null()])),
  },
  { additionalProperties: false, description: "An image or a document that the text stands under" },
);
