import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, openBackend, type TestBackend } from "../test-backend.ts";
import { signOfLife } from "../test-channel.ts";

let backend: TestBackend;
beforeAll(async () => {
  backend = await openBackend();
  await backend.call("POST", "/api/v1/channels", { name: "Phone", kind: "web" });
});
afterAll(() => backend.close());

const URL = "/api/v1/channels";
const order = (command: string, body?: object, id = "phone"): Promise<Answer> =>
  backend.call("POST", `${URL}/${id}/${command}`, body);
const errorOf = ({ status, body }: Answer): unknown[] => [status, body.error.code];

test("pairing and logging out are ordered, and stand there until a worker has carried them out", async () => {
  const qr = await order("pair", { method: "qr" });
  expect([qr.status, qr.body.data.order]).toEqual([202, { order: "pair", method: "qr", at: expect.any(String) }]);
  expect((await backend.store.channels.read("phone"))?.order).toMatchObject({ order: "pair", method: "qr", phone: null });
  expect((await order("pair", { method: "code", phone: "+49 (0)30 901820" })).status).toBe(202);
  expect((await backend.store.channels.read("phone"))?.order).toMatchObject({
    order: "pair",
    method: "code",
    phone: "+4930901820",
  });
  const out = await order("logout");
  expect([out.status, out.body.data.order]).toEqual([202, { order: "log_out", at: expect.any(String) }]);
});

test("a code needs the phone's number, and a QR code none", async () => {
  for (const body of [{ method: "code" }, { method: "code", phone: "030 901820" }, { method: "qr", phone: "+4930901820" }]) {
    expect((await order("pair", body)).body.error.details).toMatchObject([{ field: "phone" }]);
  }
  expect(errorOf(await order("pair", { method: "sms" }))).toEqual([400, "VALIDATION_FAILED"]);
});

test("only a channel that is linked to a phone can be ordered so", async () => {
  expect(errorOf(await order("pair", { method: "qr" }, "default"))).toEqual([409, "CHANNEL_DOES_NOT_PAIR"]);
  expect(errorOf(await order("logout", undefined, "default"))).toEqual([409, "CHANNEL_DOES_NOT_PAIR"]);
  expect(errorOf(await order("pair", { method: "qr" }, "none"))).toEqual([404, "CHANNEL_NOT_FOUND"]);
});

test("the QR code is a picture while there is something to scan, with a countdown in the connection", async () => {
  const nobody = await backend.call("GET", `${URL}/phone/qr`);
  expect([errorOf(nobody), nobody.body.error.details]).toEqual([
    [404, "NOTHING_TO_SCAN"],
    "No workers process serves it: start the workers",
  ]);
  expect((await backend.call("GET", `${URL}/default/qr`)).body.error.details).toContain("of the kind simulator");
  expect(errorOf(await backend.call("GET", `${URL}/none/qr`))).toEqual([404, "CHANNEL_NOT_FOUND"]);

  const pairing = { method: "qr" as const, value: "2@abc,def,ghi", expiresAt: backend.clock.now() + 20_000 };
  await signOfLife(backend, { id: "phone", connected: false, state: "awaiting_scan", pairing });
  const picture = await backend.app.inject(`${URL}/phone/qr`);
  expect([picture.statusCode, picture.headers["content-type"], picture.headers["cache-control"]]).toEqual([
    200,
    "image/svg+xml",
    "no-store",
  ]);
  expect(picture.body).toMatch(/^<svg [^]*<\/svg>\s*$/);
  const { connection } = (await backend.call("GET", `${URL}/phone`)).body.data;
  expect(connection).toMatchObject({
    state: "awaiting_scan",
    needs_person: true,
    next: expect.stringContaining("scan"),
    pairing: { method: "qr", value: "2@abc,def,ghi" },
  });
  expect(connection.pairing.seconds_left).toBeGreaterThan(10);
  expect(connection.pairing.seconds_left).toBeLessThanOrEqual(20);
});

test("what has expired, or must be typed, is no picture", async () => {
  const expired = { method: "qr" as const, value: "2@abc", expiresAt: backend.clock.now() };
  await signOfLife(backend, { id: "phone", connected: false, state: "awaiting_scan", pairing: expired });
  expect(errorOf(await backend.call("GET", `${URL}/phone/qr`))).toEqual([404, "NOTHING_TO_SCAN"]);
  expect((await backend.call("GET", `${URL}/phone`)).body.data.connection.pairing).toBeNull();
  const code = { method: "code" as const, value: "ABCD-EFGH", expiresAt: backend.clock.now() + 20_000 };
  await signOfLife(backend, { id: "phone", connected: false, state: "awaiting_scan", pairing: code });
  expect((await backend.call("GET", `${URL}/phone/qr`)).body.error.details).toContain("awaiting_scan");
});
