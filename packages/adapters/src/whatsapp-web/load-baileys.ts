/** Owns the loading of Baileys, an optional dependency: only where a channel is linked to a phone, and without its noise. */
import type * as Baileys from "baileys";

export type LoadBaileys = () => Promise<typeof Baileys>;

export const INSTALL_BAILEYS =
  "WhatsApp Web needs the package baileys, which is not installed here. Run `npm install` without leaving out optional packages " +
  "(it brings baileys 7.0.0-rc14, and with it libsignal, which is under the GPL-3.0), then start again.";

/** Null where it is not installed. */
export async function loadBaileys(load: LoadBaileys = () => import("baileys")): Promise<typeof Baileys | null> {
  silenceLibsignal();
  try {
    return await load();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") return null;
    throw error;
  }
}

/** libsignal writes whole sessions with their keys to the console, and cannot be told not to. */
const SECRETIVE =
  /^(Closing session:|Opening session:|Removing old closed session:|Session already (open|closed)|Migrating session to:|Closing open session|Failed to decrypt message with any known session|Session error:|Decrypted message with closed session)/;

let isSilenced = false;

function silenceLibsignal(): void {
  if (isSilenced) return;
  isSilenced = true;
  for (const level of ["info", "warn", "error"] as const) {
    const say = console[level].bind(console);
    console[level] = (...values: unknown[]) => {
      if (typeof values[0] === "string" && SECRETIVE.test(values[0])) return;
      say(...values);
    };
  }
}
