/** Owns the connections: who logs in, what becomes of each node, how they end; only for tests, production code never imports it. */
import { type BinaryNode, getBinaryNodeChild, toNumber } from "baileys";
import { type CloseCode, farewell, refusal } from "./closing.ts";
import { catchUp, type Device, disconnect } from "./devices.ts";
import type { Behaviour } from "./fake.ts";
import type { Incoming } from "./incoming.ts";
import type { Admission, Link, LinkListener } from "./link.ts";
import { node, nowSeconds, resultOf } from "./nodes.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Pairing } from "./pairing.ts";
import { answerTo, type QueryContext } from "./queries.ts";

export interface SessionParts {
  context: QueryContext;
  pairing: Pairing;
  outgoing: Outgoing;
  incoming: Incoming;
  behaviour: Behaviour;
}

export interface Sessions {
  listener: Omit<LinkListener, "failed">;
  close(code: CloseCode): void;
  dropAll(): void;
  /** How many logins with stored credentials succeeded. */
  logins(): number;
}

export function createSessions({ context, pairing, outgoing, incoming, behaviour }: SessionParts): Sessions {
  const { devices } = context;
  const links = new Set<Link>();
  const synchronized = new WeakSet<Device>();
  let logins = 0;

  function logIn(link: Link, admission: Admission): void {
    const device = deviceOf(admission, context);
    const refused = behaviour.refuseLogins ?? 401;
    if (device === null || behaviour.refuseLogins !== null) return end(link, refusal(refused, behaviour.banSeconds));
    if (device.link !== null) end(device.link, farewell(440, 0));
    disconnect(device);
    device.link = link;
    logins += 1;
    link.send(node("success", { t: nowSeconds(), lid: device.lid }));
  }

  async function takeQuery(device: Device, link: Link, query: BinaryNode): Promise<void> {
    if (getBinaryNodeChild(query, "remove-companion-device")) {
      link.send(resultOf(query));
      devices.unlink(device);
      return;
    }
    link.send(await answerTo(query, device, context));
    const { xmlns } = query.attrs;
    if (xmlns === "w:sync:app:state") synchronized.add(device);
    if (xmlns !== "passive" || getBinaryNodeChild(query, "active") === undefined) return;
    catchUp(device);
    // A client that takes the history then asks for the settings; until it has both, it holds back whatever comes in.
    if (!synchronized.has(device)) await incoming.sendHistory(device);
  }

  return {
    listener: {
      async admitted(link, admission) {
        links.add(link);
        if (admission.payload.devicePairingData) pairing.offer(link, admission);
        else logIn(link, admission);
      },

      async node(link, received) {
        if (pairing.take(link, received)) return;
        const device = devices.online(link);
        if (device === null) return;
        if (received.tag === "iq") await takeQuery(device, link, received);
        if (received.tag === "message") await outgoing.take(device, received);
        if (received.tag === "receipt") await incoming.takeReceipt(device, received);
        if (received.tag === "ack") incoming.takeAck(device, received);
      },

      closed(link) {
        links.delete(link);
        pairing.closed(link);
        const device = devices.online(link);
        if (device !== null) disconnect(device);
      },
    },

    close(code) {
      for (const link of links) end(link, farewell(code, behaviour.banSeconds));
      if (code === 401) devices.all().forEach(devices.unlink);
    },
    dropAll: () => links.forEach((link) => link.drop()),
    logins: () => logins,
  };
}

/** The linked device that logs in with this number, this index and this key. */
function deviceOf({ noiseKey, payload }: Admission, { account, devices }: QueryContext): Device | null {
  if (`+${toNumber(payload.username)}` !== account.phone) return null;
  return devices.find(payload.device ?? 0, noiseKey);
}

function end(link: Link, last: BinaryNode): void {
  link.send(last);
  link.close();
}
