/** Owns how the command asks the running backend of channels. */
import type { Config } from "@mini-crm/runtime/config";
import type { ChannelJson } from "@mini-crm/wire/channel";

export interface Api {
  channels(): Promise<ChannelJson[]>;
  channel(id: string): Promise<ChannelJson>;
  /** By a code for the phone with this number, or (null) by a QR code. */
  pair(id: string, phone: string | null): Promise<void>;
  logOut(id: string): Promise<void>;
}

/** Each call rejects with what the backend answered, in words, or that there is none. */
export function openApi({ host, backendPort, apiKey }: Pick<Config, "host" | "backendPort" | "apiKey">): Api {
  const at = `http://${reachable(host)}:${backendPort}`;

  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const headers = { ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }), "content-type": "application/json" };
    const asked = fetch(`${at}/api/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = await asked.catch((cause: unknown) => {
      throw new Error(`Mini CRM does not answer at ${at}: start it first, or set HOST and PORT as it has them.`, { cause });
    });
    const read = (await answer.json()) as { success: boolean; data?: unknown; error?: { message: string; details?: unknown } };
    if (read.success) return read.data;
    const { message = `It answered ${answer.status}`, details } = read.error ?? {};
    throw new Error(typeof details === "string" ? `${message}: ${details}` : message);
  }

  return {
    channels: async () => (await call("GET", "/channels")) as ChannelJson[],
    channel: async (id) => (await call("GET", `/channels/${encodeURIComponent(id)}`)) as ChannelJson,
    async pair(id, phone) {
      const body = phone === null ? { method: "qr" } : { method: "code", phone };
      await call("POST", `/channels/${encodeURIComponent(id)}/pair`, body);
    },
    async logOut(id) {
      await call("POST", `/channels/${encodeURIComponent(id)}/logout`, {});
    },
  };
}

/** Where this machine reaches a server that listens on `host`, as it stands in an address. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
