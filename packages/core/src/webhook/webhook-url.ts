/** Owns which addresses a webhook may be given, as far as the text alone tells. */
import type { Problem } from "../problem.ts";
import { quote } from "../text.ts";

const WEBHOOK_URL_CHARS = 2_000;

/** Reads an address; a fragment, which never reaches a server, is dropped. */
export function readWebhookUrl(input: string): { ok: true; url: string } | { ok: false; problem: Problem } {
  const refused = (rule: string, message: string) => ({ ok: false as const, problem: { field: "url", rule, message } });
  if (input.length > WEBHOOK_URL_CHARS) {
    return refused("max_length", `\`url\` must have at most ${WEBHOOK_URL_CHARS} characters.`);
  }
  const url = URL.parse(input);
  if (url === null)
    return refused("url", `\`url\` must be a whole address such as https://example.com/hook, but is ${quote(input)}.`);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return refused("url_protocol", "`url` must begin with https:// or http://.");
  }
  if (url.username !== "" || url.password !== "") {
    return refused(
      "url_credentials",
      "`url` must not hold a user name or password: deliveries are signed with the webhook's secret instead.",
    );
  }
  url.hash = "";
  return { ok: true, url: url.href };
}
