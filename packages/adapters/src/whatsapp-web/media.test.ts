import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock/system-clock.ts";
import { createMediaShelf, type FetchedMedia, MediaRefused } from "./media.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function portOf(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Takes what is behind `link`, and answers what would be uploaded. */
async function fetched(link: string, { toPrivateAddresses = true } = {}): Promise<FetchedMedia> {
  const shelf = createMediaShelf(systemClock(), { toPrivateAddresses });
  let taken: FetchedMedia | null = null;
  await shelf.get({ kind: "image", link, filename: null }, async (_media, file) => {
    taken = file;
    return {};
  });
  if (taken === null) throw new Error("Nothing was uploaded");
  return taken;
}

const picture: RequestListener = (_request, response) => {
  response.setHeader("content-type", "image/png; charset=binary");
  response.end("picture");
};

describe("a link", () => {
  test("is fetched with its type, also where it leads on", async () => {
    const port = await portOf((request, response) => {
      if (request.url === "/picture") return picture(request, response);
      response.writeHead(302, { location: "/picture" }).end();
    });
    expect(await fetched(`http://127.0.0.1:${port}/`)).toEqual({ bytes: Buffer.from("picture"), mimetype: "image/png" });
  });

  test("is fetched and uploaded once for many", async () => {
    let calls = 0;
    const port = await portOf((request, response) => {
      calls += 1;
      picture(request, response);
    });
    const shelf = createMediaShelf(systemClock(), { toPrivateAddresses: true });
    const media = { kind: "image", link: `http://127.0.0.1:${port}/`, filename: null } as const;
    let uploads = 0;
    const upload = async () => {
      uploads += 1;
      return { conversation: "uploaded" };
    };
    const [first, second] = await Promise.all([shelf.get(media, upload), shelf.get(media, upload)]);
    expect([first, second]).toEqual([{ conversation: "uploaded" }, { conversation: "uploaded" }]);
    expect([calls, uploads]).toEqual([1, 1]);
  });

  test.each([
    ["answers 404", (_request, response) => void response.writeHead(404).end(), /it answers 404/],
    ["is no image", (_request, response) => void response.setHeader("content-type", "text/html").end("x"), /which is no image/],
    [
      "leads on for ever",
      (request, response) => void response.writeHead(302, { location: `${request.url}a` }).end(),
      /leads on too many times/,
    ],
    [
      "leads to a file of this machine",
      (_request, response) => void response.writeHead(302, { location: "file:///etc/passwd" }).end(),
      /begins with http/,
    ],
  ] as [string, RequestListener, RegExp][])("is refused with the reason where it %s", async (_what, listener, reason) => {
    const refused = fetched(`http://127.0.0.1:${await portOf(listener)}/`);
    await expect(refused).rejects.toThrow(reason);
    await expect(refused).rejects.toBeInstanceOf(MediaRefused);
  });
});

describe("where private addresses are not allowed, a link", () => {
  test("reaches nothing of this machine or its network, however it is written", async () => {
    let calls = 0;
    const port = await portOf((request, response) => {
      calls += 1;
      picture(request, response);
    });
    for (const host of [
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f000001",
      "0.0.0.0",
      "localhost",
      "[::1]",
      "[::ffff:127.0.0.1]",
    ]) {
      const refused = fetched(`http://${host}:${port}/`, { toPrivateAddresses: false });
      await expect(refused, host).rejects.toBeInstanceOf(MediaRefused);
      await expect(refused, host).rejects.toThrow(/is no public address/);
    }
    expect(calls).toBe(0);
    expect((await fetched(`http://localhost:${port}/`)).mimetype).toBe("image/png");
  });
});
