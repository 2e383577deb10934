/** Owns what a person asks of a linked device: to link it to a phone, and to log it out. */
import type { OrderAnswer, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { connect } from "./connection.ts";
import { become, beginAnew, type Device, detach, renewAuth } from "./device.ts";
import { createPairingOffer } from "./pairing-offer.ts";

const LOG_OUT_TIMEOUT_MS = 5_000;

const LOGGED_OUT = "The device was logged out here: pair it to go on.";
const LOGGED_OUT_ALONE = `${LOGGED_OUT} WhatsApp could not be told: on the phone remove it under Linked devices.`;

/** Begins anew: what there is to scan or to type stands in the device's state as soon as WhatsApp gives it. */
export async function pair(device: Device, request: Parameters<WhatsAppProvider["pair"]>[0]): Promise<OrderAnswer> {
  const phone = request.phone?.replace(/^\+/, "") ?? "";
  if (request.method === "code" && !/^\d{7,15}$/.test(phone)) {
    return { kind: "refused", reason: "`phone` must be the number of the phone in E.164, such as +4915112345678." };
  }
  await unlink(device);
  beginAnew(device);
  const { clock, options } = device.deps;
  device.offer = createPairingOffer({
    clock,
    request: { method: request.method, phone },
    qrTimeoutMs: options.qrTimeoutMs,
    show: (reason, pairing) => become(device, "awaiting_scan", reason, { pairing }),
  });
  connect(device);
  return { kind: "done" };
}

export async function logOut(device: Device): Promise<OrderAnswer> {
  const isTold = await unlink(device);
  become(device, "logged_out", isTold ? LOGGED_OUT : LOGGED_OUT_ALONE);
  return { kind: "done" };
}

/** Forgets the session; tells whether WhatsApp knows. */
async function unlink(device: Device): Promise<boolean> {
  const live = detach(device);
  const isOpen = live !== null && live.openedAt !== null;
  if (live !== null) {
    const bye = isOpen ? live.socket.logout() : live.socket.end(undefined);
    await Promise.race([bye.catch(() => {}), device.deps.clock.sleep(LOG_OUT_TIMEOUT_MS)]);
  }
  await renewAuth(device);
  return isOpen;
}
