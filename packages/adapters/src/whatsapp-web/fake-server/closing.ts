/** Owns how the server ends a connection, by close code, as Baileys tells them apart; only for tests, production code never imports it. */
import type { BinaryNode } from "baileys";
import { node } from "./nodes.ts";

export type CloseCode = 401 | 402 | 403 | 405 | 406 | 408 | 411 | 428 | 440 | 500 | 503 | 515;

/** The last node of a connection that ends with the code; `banSeconds` is how long a ban (402) lasts. */
export function farewell(code: CloseCode, banSeconds: number): BinaryNode {
  switch (code) {
    case 401:
      return node("stream:error", { code: "401" }, [node("conflict", { type: "device_removed" })]);
    case 440:
      return node("stream:error", {}, [node("conflict", { type: "replaced" })]);
    case 500:
    case 503:
    case 515:
      return node("stream:error", { code: String(code) });
    case 411:
      return node("ib", {}, [node("downgrade_webclient")]);
    case 428:
      return node("xmlstreamend");
    default:
      return refusal(code, banSeconds);
  }
}

/** What a login is refused with. */
export function refusal(code: CloseCode, banSeconds: number): BinaryNode {
  const ban = { code: "101", expire: String(banSeconds) };
  return node("failure", { reason: String(code), ...(code === 402 ? ban : {}) });
}
