/** Owns regular expressions that look for a text as it is, in the dialect that MongoDB reads. */

/** Of `end`: `$` would also stand before a last line break. Of `start`: an index serves for such a prefix. */
export function textPattern(text: string, place: "anywhere" | "start" | "end"): string {
  const literal = text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return `${place === "start" ? "^" : ""}${literal}${place === "end" ? "\\z" : ""}`;
}
