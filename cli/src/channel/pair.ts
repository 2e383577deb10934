/** Owns pairing on a terminal: the QR code or the code for the phone, with how long it holds, until the number is connected. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ChannelJson } from "@mini-crm/wire/channel";
import QRCode from "qrcode";
import type { Api } from "./api.ts";

const LOOK_EVERY_MS = 1_000;
/** Longer than WhatsApp shows codes for. */
const MOST_MS = 300_000;

/** Answers whether the number is connected now. What is shown goes to `out`. */
export async function pair(
  api: Api,
  { id, phone }: { id: string; phone: string | null },
  out: { write(text: string): unknown },
): Promise<boolean> {
  const askedAt = Date.now();
  await api.pair(id, phone);
  out.write(`Asked to link ${id}.\n`);
  let shown = "";
  while (Date.now() - askedAt < MOST_MS) {
    const { connection, order } = await api.channel(id);
    if (connection.pairing !== null && connection.pairing.value !== shown) {
      shown = connection.pairing.value;
      out.write(await pictureOf(connection.pairing));
    }
    // Until the order is carried out, the connection is still the one before it.
    if (order === null && shown !== "" && connection.connected) {
      out.write(`Connected as ${connection.user_name || connection.device_id}.\n`);
      return true;
    }
    const hasFailed = order === null && connection.needs_person && connection.state !== "awaiting_scan";
    const isOver = order === null && shown !== "" && connection.state === "awaiting_scan" && connection.pairing === null;
    if (hasFailed || isOver) {
      out.write(`Not linked: ${connection.reason ?? connection.state}. ${connection.next ?? ""}\n`);
      return false;
    }
    await sleep(LOOK_EVERY_MS);
  }
  out.write("Not linked: nobody has scanned or typed the code in five minutes. Ask again.\n");
  return false;
}

async function pictureOf({ method, value, seconds_left }: NonNullable<ChannelJson["connection"]["pairing"]>): Promise<string> {
  const where = "On the phone: WhatsApp, Settings, Linked devices, Link a device";
  const holds = `It holds for ${seconds_left} s.`;
  if (method === "code") return `\n${where}, Link with phone number instead. Type this code:\n\n    ${value}\n\n${holds}\n`;
  return `\n${where}. Scan this:\n\n${await QRCode.toString(value, { type: "terminal", small: true })}\n${holds}\n`;
}
