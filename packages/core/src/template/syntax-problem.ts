/** Owns how a template's mistakes are told to the person who wrote it, in place of LiquidJS's own words. */
import type { LiquidError } from "liquidjs";
import { clip, closest, quote } from "../text.ts";
import { FILTERS, TAGS } from "./engine.ts";

/** Which rule a template breaks that LiquidJS could not parse, and what to do about it. */
export function syntaxProblem(error: LiquidError): { rule: "syntax" | "unknown_tag" | "unknown_filter"; message: string } {
  const { input, begin } = error.token;
  const isInOutput = input.lastIndexOf("{{", begin) > input.lastIndexOf("{%", begin);
  // LiquidJS tells its errors apart only by their words; the tests hold them.
  const said = error.originalError?.message ?? error.message;
  const filter = /^undefined filter: (.+)$/.exec(said)?.[1];
  if (filter !== undefined) {
    return { rule: "unknown_filter", message: `there is no filter ${quote(filter)}${advice(filter, FILTERS)}` };
  }
  const tag = /^tag "(.+)" not found$/.exec(said)?.[1];
  if (tag !== undefined) return unknownTag(tag);
  return { rule: "syntax", message: syntaxMessage(said, error.token.getText(), isInOutput) };
}

function unknownTag(tag: string): { rule: "syntax" | "unknown_tag"; message: string } {
  const opened = /^end(.+)$/.exec(tag)?.[1];
  if (opened !== undefined && TAGS.includes(opened)) {
    return { rule: "syntax", message: `{% ${tag} %} ends a {% ${opened} %} that was not begun` };
  }
  if (tag === "else" || tag === "elsif" || tag === "when") {
    return { rule: "syntax", message: `{% ${tag} %} stands outside of {% if %} and {% case %}` };
  }
  return { rule: "unknown_tag", message: `there is no tag {% ${clip(tag)} %}${advice(tag, TAGS)}` };
}

function syntaxMessage(said: string, text: string, isInOutput: boolean): string {
  if (/^output .* not closed/s.test(said)) return `${quote(text)} is not closed: end it with }}`;
  if (/^tag ".*not closed/s.test(said)) return `${quote(text)} is not closed: end it with %}`;
  if (/^raw .* not closed/s.test(said)) return "{% raw %} is not ended: put {% endraw %} after it";
  const open = /^tag \{%-?\s*(\w+).* not closed/s.exec(said)?.[1];
  if (open !== undefined) return `{% ${open} %} is not ended: put {% end${open} %} after it`;
  const what = text.trim() === "" ? "something is missing here" : `${quote(text.trim())} cannot be read here`;
  return isInOutput ? `${what}: a variable is written {{ name }}, with a fallback {{ name | default: "friend" }}` : what;
}

function advice(word: string, known: readonly string[]): string {
  const meant = closest(word, known);
  return meant === null ? `: use ${known.join(", ")}` : `: did you mean ${quote(meant)}?`;
}
