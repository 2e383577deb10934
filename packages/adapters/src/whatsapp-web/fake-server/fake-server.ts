/** Owns the fake WhatsApp Web server as a whole; only for tests, production code never imports it. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { loadBaileys } from "../load-baileys.ts";
import { createAccount } from "./account.ts";
import type { FakeOptions, FakeWhatsAppWeb } from "./fake.ts";
import { acceptLink } from "./link.ts";
import { createMediaAgent, createMediaStore } from "./media.ts";
import { certificateKey, trustFakeServers } from "./noise.ts";

export type { CloseCode, FakeOptions, FakeWhatsAppWeb } from "./fake.ts";

/** Starts it on 127.0.0.1, on a free port. The account is +4915700000001 unless `phone` says otherwise. */
export async function startFakeWhatsAppWeb(options: FakeOptions = {}): Promise<FakeWhatsAppWeb> {
  // Silences libsignal, which the fake's own people use too.
  await loadBaileys();
  const media = createMediaStore();
  const inTurn = createTurns();
  const account = createAccount(options, media, inTurn);
  const faults: unknown[] = [];
  const http = createServer((request, response) => {
    media.handle(request, response).catch(() => response.destroy());
  });
  const sockets = new WebSocketServer({ server: http });
  sockets.on("connection", (socket) =>
    acceptLink(socket, inTurn, { ...account.listener, failed: (fault) => faults.push(fault) }),
  );
  const port = await listen(http);
  return {
    ...account.verbs,
    url: `ws://127.0.0.1:${port}`,
    mediaAgent: createMediaAgent(port),
    trust: trustFakeServers,
    certificateKey: certificateKey(),
    async end() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      if (faults.length > 0) throw new AggregateError(faults, `A client was not understood: ${String(faults[0])}`);
    },
  };
}

async function listen(http: Server): Promise<number> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return (http.address() as AddressInfo).port;
}

/** Runs one piece of work after the other; a piece that fails doesn't hinder the next. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}
