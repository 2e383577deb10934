/** Owns the account behind the server, made of its parts, and what tests do to it; only for tests, production code never imports it. */
import { createDevices } from "./devices.ts";
import type { Behaviour, FakeOptions, FakeWhatsAppWeb } from "./fake.ts";
import { createIncoming } from "./incoming.ts";
import type { LinkListener } from "./link.ts";
import type { MediaStore } from "./media.ts";
import { createOutgoing } from "./outgoing.ts";
import { createPairing } from "./pairing.ts";
import { createPeople } from "./people.ts";
import type { QueryContext } from "./queries.ts";
import { createSessions } from "./sessions.ts";

export interface Account {
  listener: Omit<LinkListener, "failed">;
  /** What the account can do by itself, without knowing the server's addresses. */
  verbs: Omit<FakeWhatsAppWeb, "url" | "mediaAgent" | "trust" | "certificateKey" | "end">;
}

/** `inTurn` runs what it is given after everything that clients have sent until now. */
export function createAccount(
  options: FakeOptions,
  media: MediaStore,
  inTurn: <T>(work: () => Promise<T>) => Promise<T>,
): Account {
  const people = createPeople();
  const person = people.withPhone(options.phone ?? "+4915700000001");
  const devices = createDevices();
  const behaviour = usualBehaviour();
  let restrictedUntil: number | null = null;
  const context: QueryContext = {
    account: person,
    people,
    devices,
    isUnregistered: ({ phone }) => behaviour.unregistered.includes(phone),
    restrictedUntil: () => restrictedUntil,
  };
  const pairing = createPairing({ person, name: options.name ?? "Fake account" }, devices);
  const outgoing = createOutgoing(person, people, media, behaviour);
  const incoming = createIncoming(person, people, devices);
  const sessions = createSessions({ context, pairing, outgoing, incoming, behaviour });

  return {
    listener: sessions.listener,
    verbs: {
      phone: person.phone,
      scan: pairing.scan,
      typeCode: pairing.typeCode,
      behave: (changes) => void Object.assign(behaviour, changes),
      outbox: outgoing.outbox,
      acknowledge: outgoing.acknowledge,
      receipt: outgoing.receipt,
      receive: (writing) => inTurn(() => incoming.receive(writing)),
      unconfirmed: incoming.unconfirmed,
      restrict(until) {
        restrictedUntil = until;
        incoming.restrict(until);
      },
      close: sessions.close,
      dropAll: sessions.dropAll,
      logins: sessions.logins,
      online: () => devices.all().filter(({ link }) => link !== null).length,
      devices: () => devices.all().length,
    },
  };
}

function usualBehaviour(): Behaviour {
  return {
    ack: "accepted",
    refusal: 463,
    receipts: "none",
    copies: 1,
    unreadable: false,
    unregistered: [],
    banSeconds: 3600,
    refuseLogins: null,
  };
}
