/** Owns which IP addresses are public: those that a stranger may make this machine talk to. */
import { BlockList, isIP } from "node:net";

/** From IANA's registry of special-purpose IPv4 addresses, with multicast and what is reserved. */
const NOT_PUBLIC_IPV4 = blockList("ipv4", [
  "0.0.0.0/8", // this network; 0.0.0.0 is this machine
  "10.0.0.0/8", // private
  "100.64.0.0/10", // shared by the customers of a provider
  "127.0.0.0/8", // this machine
  "169.254.0.0/16", // link-local, where clouds keep their metadata
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relays
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
]);

/** Of IPv6 only this is handed out to the public: loopback, mapped IPv4, NAT64, private, link-local and multicast lie outside. */
const IPV6_UNICAST = blockList("ipv6", ["2000::/3"]);
const NOT_PUBLIC_IPV6 = blockList("ipv6", [
  "2001::/23", // protocol assignments, Teredo
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which holds an IPv4 address
  "3fff::/20", // documentation
]);

/** Tells whether `address` is a public one; false for anything that is no IP address. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !NOT_PUBLIC_IPV4.check(address, "ipv4");
    case 6:
      return !address.includes("%") && IPV6_UNICAST.check(address, "ipv6") && !NOT_PUBLIC_IPV6.check(address, "ipv6");
    default:
      return false;
  }
}

function blockList(family: "ipv4" | "ipv6", subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [net = "", prefix] = subnet.split("/");
    list.addSubnet(net, Number(prefix), family);
  }
  return list;
}
