/** Owns what a person scans or types to link a device: one QR code after the other, or one code, until the last has expired. */
import type { Connection, PairingMethod } from "@mini-crm/core/channel/connection";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { WASocket } from "baileys";

const FIRST_QR_MS = 60_000;
const NEXT_QR_MS = 20_000;
/** WhatsApp closes the connection, and with it forgets the code, after the time of six QR codes. */
const CODE_MS = 160_000;

export interface PairingOffer {
  /** WhatsApp is ready to link the device; with each further call the QR code before has expired. */
  show(socket: WASocket, qr: string): void;
  /** Tells whether the connection ended because nobody took the offer in time. */
  isOver(error: Error | undefined): boolean;
}

export interface OfferDeps {
  clock: Clock;
  /** `phone` in digits only. */
  request: { method: PairingMethod; phone: string };
  qrTimeoutMs: number | undefined;
  show: (reason: string, pairing: Connection["pairing"]) => void;
}

export function createPairingOffer({ clock, request, qrTimeoutMs, show }: OfferDeps): PairingOffer {
  const startedAt = clock.now();
  const isLate = () => clock.now() - startedAt > CODE_MS;
  let shown = 0;

  function showCode(socket: WASocket): void {
    socket.requestPairingCode(request.phone).then(
      (value) =>
        show("Waiting for the code to be typed into the phone.", { method: "code", value, expiresAt: clock.now() + CODE_MS }),
      (error: unknown) => show(`WhatsApp gives no pairing code: ${error instanceof Error ? error.message : String(error)}`, null),
    );
  }

  return {
    show(socket, qr) {
      shown += 1;
      if (request.method === "qr") {
        const liveMs = qrTimeoutMs ?? (shown === 1 ? FIRST_QR_MS : NEXT_QR_MS);
        show("Waiting for a phone to scan the QR code.", { method: "qr", value: qr, expiresAt: clock.now() + liveMs });
      } else if (shown === 1) {
        showCode(socket);
      }
    },
    isOver: (error) => isLate() || (error?.message.startsWith("QR refs attempts ended") ?? false),
  };
}
