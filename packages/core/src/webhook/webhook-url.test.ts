import { expect, test } from "vitest";
import { readWebhookUrl } from "./webhook-url.ts";

test.each([
  ["https://example.com/hook?a=1", "https://example.com/hook?a=1"],
  ["HTTP://Example.COM", "http://example.com/"],
  ["https://example.com/#part", "https://example.com/"],
  ["http://0x7f.1:80", "http://127.0.0.1/"],
])("%s is taken as %s", (input, url) => {
  expect(readWebhookUrl(input)).toEqual({ ok: true, url });
});

test.each([
  ["", "url"],
  ["example.com/hook", "url"],
  ["/hook", "url"],
  ["https://", "url"],
  ["ftp://example.com", "url_protocol"],
  ["javascript:alert(1)", "url_protocol"],
  ["file:///etc/passwd", "url_protocol"],
  ["https://user:secret@example.com", "url_credentials"],
  ["https://user@example.com", "url_credentials"],
  [`https://example.com/${"x".repeat(2_000)}`, "max_length"],
])("%s is refused", (input, rule) => {
  const read = readWebhookUrl(input);
  expect(read).toMatchObject({ ok: false, problem: { field: "url", rule } });
  expect(JSON.stringify(read)).not.toContain("secret@");
});
