import * as baileys from "baileys";
import { describe, expect, test } from "vitest";
import { textOfMessage, textOfStanza } from "./inbound.ts";

const ANA = "4915711111111@s.whatsapp.net";
const ANAS_LID = "123456789@lid";
const nobody = async () => null;

/** A message with its padding, as it is inside the encryption. */
function plainOf(message: baileys.proto.IMessage): Uint8Array {
  return Buffer.concat([baileys.proto.Message.encode(message).finish(), Buffer.from([1])]);
}

function stanza(attrs: Record<string, string>): baileys.BinaryNode {
  return { tag: "message", attrs: { id: "3A01", from: ANA, t: "1700000000", notify: "Ana", ...attrs } };
}

function read(
  message: baileys.proto.IMessage,
  attrs: Record<string, string> = {},
  phoneOfLid = nobody as (lid: string) => Promise<string | null>,
) {
  return textOfStanza(baileys, stanza(attrs), plainOf(message), phoneOfLid);
}

test("a text says who wrote it, in which name and when", async () => {
  expect(await read({ conversation: "STOP" })).toEqual({
    ...{ providerId: "3A01", from: "+4915711111111", userId: null, name: "Ana" },
    ...{ text: "STOP", wish: null, at: 1_700_000_000_000 },
  });
});

describe("what a person said", () => {
  const caption = "Look!";
  test.each<[string, baileys.proto.IMessage, string]>([
    ["a text with a link", { extendedTextMessage: { text: "Hi" } }, "Hi"],
    ["an image", { imageMessage: { caption } }, caption],
    ["a video", { videoMessage: { caption } }, caption],
    ["a document with a caption", { documentWithCaptionMessage: { message: { documentMessage: { caption } } } }, caption],
    ["a message that vanishes", { ephemeralMessage: { message: { conversation: "Hi" } } }, "Hi"],
    ["a picture to be seen once", { viewOnceMessageV2: { message: { imageMessage: { caption } } } }, caption],
    ["a button", { buttonsResponseMessage: { selectedDisplayText: "Yes", type: 1 } }, "Yes"],
    ["a template's button", { templateButtonReplyMessage: { selectedDisplayText: "Yes" } }, "Yes"],
    ["an entry of a list", { listResponseMessage: { title: "Monday" } }, "Monday"],
    ["an interactive answer", { interactiveResponseMessage: { body: { text: "Yes" } } }, "Yes"],
  ])("is read from %s", async (_, message, text) => {
    expect(await read(message)).toMatchObject({ text });
  });

  test.each<[string, baileys.proto.IMessage, Record<string, string>]>([
    ["a picture without a word", { imageMessage: {} }, {}],
    ["a reaction", { reactionMessage: { text: "👍" } }, {}],
    ["one's own message from another device", { deviceSentMessage: { message: { conversation: "Hi" } } }, {}],
    ["what one's own devices tell each other", { conversation: "Hi" }, { category: "peer" }],
    ["a group", { conversation: "Hi" }, { from: "123@g.us", participant: ANA }],
    ["a status update", { conversation: "Hi" }, { from: "status@broadcast", participant: ANA }],
    ["a broadcast list", { conversation: "Hi" }, { from: "123@broadcast", participant: ANA }],
    ["a channel", { conversation: "Hi" }, { from: "123@newsletter" }],
  ])("is not read from %s", async (_, message, attrs) => {
    expect(await read(message, attrs)).toBeNull();
  });
});

describe("a sender whom WhatsApp names by an identifier of its own", () => {
  const message = { conversation: "Hi" };

  test("is known by the number beside it", async () => {
    expect(await read(message, { from: ANAS_LID, sender_pn: ANA })).toMatchObject({ from: "+4915711111111", userId: ANAS_LID });
  });

  test("or by what the device knows", async () => {
    const asked: string[] = [];
    const phoneOfLid = async (lid: string) => {
      asked.push(lid);
      return "4915711111111:0@s.whatsapp.net";
    };
    expect(await read(message, { from: ANAS_LID }, phoneOfLid)).toMatchObject({ from: "+4915711111111", userId: ANAS_LID });
    expect(asked).toEqual([ANAS_LID]);
  });

  test("or by no number at all", async () => {
    expect(await read(message, { from: ANAS_LID })).toMatchObject({ from: null, userId: ANAS_LID });
  });
});

test("a message that the phone was asked for again is read as well, but none of one's own", async () => {
  const key = { id: "3A02", remoteJid: ANAS_LID, remoteJidAlt: ANA, fromMe: false };
  const message = { key, message: { conversation: "Hi" }, pushName: "Ana", messageTimestamp: 1_700_000_000 };
  const text = { providerId: "3A02", from: "+4915711111111", userId: ANAS_LID, name: "Ana", text: "Hi", at: 1_700_000_000_000 };
  expect(await textOfMessage(baileys, message, nobody)).toMatchObject(text);
  expect(await textOfMessage(baileys, { ...message, key: { ...key, fromMe: true } }, nobody)).toBeNull();
  expect(await textOfMessage(baileys, { key }, nobody)).toBeNull();
});
