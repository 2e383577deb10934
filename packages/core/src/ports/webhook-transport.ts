/** Owns the port through which webhooks reach the network: one POST to an address that somebody outside has named. */

export interface WebhookPost {
  url: string;
  headers: Record<string, string>;
  body: string;
  /** From the first packet to the last: after it, the try has failed. */
  timeoutMs: number;
  /** Cuts the try off. */
  signal: AbortSignal;
}

export type TransportAnswer =
  /** `excerpt` is the beginning of the answer's body, at most 1 KB. */
  | { kind: "answered"; status: number; excerpt: string }
  /** Nothing was sent: the address is one that webhooks may not reach. */
  | { kind: "refused"; reason: string }
  /** No answer came; it may have arrived all the same. */
  | { kind: "failed"; reason: string };

export interface WebhookTransport {
  /** Why `url` can be refused without looking its name up, in words; null where it cannot. */
  refusalOf(url: string): string | null;
  /** Posts once; follows no redirect. Never rejects for what a network can do. */
  post(request: WebhookPost): Promise<TransportAnswer>;
}
