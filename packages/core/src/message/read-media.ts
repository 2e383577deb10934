/** Owns which media a message may be given, as far as the words alone tell; their shapes and lengths have been checked. */
import type { Problem } from "../problem.ts";
import { quote } from "../text.ts";
import type { Media } from "./content.ts";

/** What is wrong with `media`, by field; empty where nothing is. */
export function mediaProblems({ kind, link, filename }: Media): Problem[] {
  const problems: Problem[] = [];
  const report = (field: string, rule: string, what: string) => problems.push({ field, rule, message: `\`${field}\` ${what}.` });
  const url = URL.parse(link);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    report("media.link", "url", `must be a whole address such as https://example.com/offer.pdf, but is ${quote(link)}`);
  } else if (url.username !== "" || url.password !== "") {
    report("media.link", "url_credentials", "must not hold a user name or password: whoever gets the message could read them");
  }
  if (kind === "image" && filename !== null) {
    report("media.filename", "kind", "is for documents: leave it out for an image");
  }
  return problems;
}
