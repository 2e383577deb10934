/** Owns how a test message is shown. */
import type { TestMessage } from "@mini-crm/core/message/test-message";
import type { TestMessageJson } from "@mini-crm/wire/test-message";
import { iso, isoOrNull } from "./time.ts";

export function testMessageJson(test: TestMessage): TestMessageJson {
  return {
    ...test,
    test: true,
    created_at: iso(test.created_at),
    sending_at: isoOrNull(test.sending_at),
    sent_at: isoOrNull(test.sent_at),
    delivered_at: isoOrNull(test.delivered_at),
    read_at: isoOrNull(test.read_at),
  };
}
