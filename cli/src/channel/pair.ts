/** Owns pairing on a terminal: the QR code or the code for the phone, with how long it holds, until the number is connected. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ChannelJson } from "@mini-crm/wire/channel";
import QRCode from "qrcode";
import type { Api } from "./api.ts";

type Connection = ChannelJson["connection"];

export interface PairTiming {
  lookEveryMs: number;
  /**
   * What needs a person and shows no code is taken for the end once it stands for so long: until then it may be what stood before
   * the order, or the moment between two codes.
   */
  standsForMs: number;
  /** Longer than WhatsApp shows codes for. */
  mostMs: number;
}

const TIMING: PairTiming = { lookEveryMs: 1_000, standsForMs: 10_000, mostMs: 300_000 };

/** Answers whether the number is connected now. What is shown goes to `out`. */
export async function pair(
  api: Pick<Api, "pair" | "channel">,
  { id, phone }: { id: string; phone: string | null },
  out: { write(text: string): unknown },
  { lookEveryMs, standsForMs, mostMs }: PairTiming = TIMING,
): Promise<boolean> {
  const askedAt = Date.now();
  await api.pair(id, phone);
  out.write(`Asked to link ${id}.\n`);
  let shown: string | null = null;
  let standsSince: number | null = null;
  while (Date.now() - askedAt < mostMs) {
    const { connection, order } = await api.channel(id);
    const { pairing } = connection;
    if (pairing !== null) {
      if (pairing.value !== shown) out.write(await pictureOf(pairing));
      shown = pairing.value;
      // Written over itself: it counts down.
      out.write(`\rIt holds for ${pairing.seconds_left} s. `);
    }
    // Until the order is carried out and a code was shown, the connection is still the one before it.
    if (order === null && shown !== null && connection.connected) {
      out.write(`\nConnected as ${connection.user_name || connection.device_id}.\n`);
      return true;
    }
    standsSince = connection.needs_person && pairing === null ? (standsSince ?? Date.now()) : null;
    if (standsSince !== null && Date.now() - standsSince >= standsForMs) {
      out.write(`\nNot linked: ${whyNot(connection)}\n`);
      return false;
    }
    await sleep(lookEveryMs);
  }
  out.write("\nNot linked: it took longer than WhatsApp shows codes for. Ask again.\n");
  return false;
}

function whyNot({ state, reason, next }: Connection): string {
  const why = (reason ?? `The connection is ${state}`).replace(/\.$/, "");
  return state === "awaiting_scan" || next === null ? `${why}.` : `${why}. ${next}`;
}

async function pictureOf({ method, value }: NonNullable<Connection["pairing"]>): Promise<string> {
  const where = "On the phone: WhatsApp, Settings, Linked devices, Link a device";
  if (method === "code") return `\n${where}, Link with phone number instead. Type this code:\n\n    ${value}\n\n`;
  return `\n${where}. Scan this:\n\n${await QRCode.toString(value, { type: "terminal", small: true })}\n`;
}
