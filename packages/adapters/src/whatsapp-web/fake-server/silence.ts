/** Owns the logger that says nothing; only for tests, production code never imports it. */
import type { SocketConfig } from "baileys";

export const silence: SocketConfig["logger"] = {
  level: "silent",
  child: () => silence,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};
