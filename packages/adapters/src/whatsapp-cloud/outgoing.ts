/** Owns how a message is written for the Cloud API. */
import type { JsonObject } from "@mini-crm/core/json";
import type { Media, OutgoingTemplate } from "@mini-crm/core/message/content";
import type { OutgoingMessage } from "@mini-crm/core/ports/whatsapp-provider";

/** The body of the request that sends `message`; its identifier comes back in every status. */
export function requestBodyOf(message: OutgoingMessage): JsonObject {
  return {
    messaging_product: "whatsapp",
    recipient_type: "individual",
    to: message.to,
    biz_opaque_callback_data: message.messageId,
    ...contentOf(message),
  };
}

function contentOf({ text, media, buttons, template }: OutgoingMessage): JsonObject {
  if (template !== null) return { type: "template", template: templateOf(template, media) };
  if (buttons.length > 0) return { type: "interactive", interactive: interactiveOf(text, buttons, media) };
  if (media !== null) return { type: media.kind, [media.kind]: { ...linkOf(media), ...(text === "" ? {} : { caption: text }) } };
  return { type: "text", text: { body: text } };
}

function templateOf({ name, language, parameters }: OutgoingTemplate, media: Media | null): JsonObject {
  const header = media === null ? [] : [{ type: "header", parameters: [mediaOf(media)] }];
  const values = parameters.map((parameter): JsonObject => {
    const value = { type: "text", text: parameter.text };
    return parameter.name === null ? value : { ...value, parameter_name: parameter.name };
  });
  const body = values.length === 0 ? [] : [{ type: "body", parameters: values }];
  return { name, language: { code: language }, components: [...header, ...body] };
}

function interactiveOf(text: string, buttons: readonly string[], media: Media | null): JsonObject {
  return {
    type: "button",
    ...(media === null ? {} : { header: mediaOf(media) }),
    body: { text },
    action: { buttons: buttons.map((title, index) => ({ type: "reply", reply: { id: `button-${index + 1}`, title } })) },
  };
}

function mediaOf(media: Media): JsonObject {
  return { type: media.kind, [media.kind]: linkOf(media) };
}

function linkOf({ link, filename }: Media): JsonObject {
  return filename === null ? { link } : { link, filename };
}
