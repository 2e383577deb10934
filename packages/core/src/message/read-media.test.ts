import { expect, test } from "vitest";
import { mediaProblems } from "./read-media.ts";

const media = { kind: "document" as const, link: "https://example.com/offer.pdf", filename: "Offer.pdf" };

test("a document by a public address is taken, with or without a name, and an image without one", () => {
  for (const taken of [media, { ...media, filename: null }, { ...media, kind: "image" as const, filename: null }]) {
    expect(mediaProblems(taken)).toEqual([]);
  }
});

test.each([
  ["example.com/offer.pdf", "url"],
  ["ftp://example.com/offer.pdf", "url"],
  ["data:image/png;base64,AAAA", "url"],
  ["file:///etc/passwd", "url"],
  ["https://user:secret@example.com/offer.pdf", "url_credentials"],
])("the link %s is refused", (link, rule) => {
  expect(mediaProblems({ ...media, link })).toMatchObject([{ field: "media.link", rule }]);
});

test("an image has no file name", () => {
  expect(mediaProblems({ ...media, kind: "image" })).toMatchObject([{ field: "media.filename", rule: "kind" }]);
});
