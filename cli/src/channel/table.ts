/** Owns how channels are listed on a terminal. */
import type { ChannelJson } from "@mini-crm/wire/channel";

export function tableOf(channels: readonly ChannelJson[]): string {
  const rows = channels.map(({ _id, kind, name, connection }) => {
    const stands = connection.connected ? "connected" : connection.state;
    return [_id, kind, stands, name, [connection.reason, connection.next].filter((text) => text !== null).join(" ")];
  });
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
