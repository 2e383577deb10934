/** Owns how a name is looked up for a request to an address that somebody outside chose: only its public addresses count. */
import { type LookupAddress, lookup as lookUp } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { isPublicAddress } from "./public-address.ts";

/** Somebody wants to reach what lies inside. */
export class NotPublic extends Error {
  readonly address: string;

  constructor(address: string) {
    super(`${address} is no public address.`);
    this.address = address;
  }
}

/** The address that stands in `url` itself and is not public; null where there is none, or a name, which `lookUpPublic` looks at. */
export function privateAddressIn(url: URL): string | null {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1"); // IPv6 stands in brackets.
  return isIP(host) === 0 || isPublicAddress(host) ? null : host;
}

/**
 * Looks a name up and hands on its public addresses only; fails with `NotPublic` where there are none. The connection is made to one
 * of these very addresses, so a name that means another address a moment later gains nothing.
 */
export const lookUpPublic: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) return callback(error, "");
    const usable = addresses.filter(({ address }) => isPublicAddress(address));
    const [first] = usable;
    if (first === undefined) return callback(new NotPublic(addresses[0]?.address ?? hostname), "");
    if (options.all === true) callback(null, usable);
    else callback(null, first.address, first.family);
  });
};
