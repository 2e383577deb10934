/** Owns how nodes of WhatsApp's protocol are built and read; only for tests, production code never imports it. */
import { type BinaryNode, getBinaryNodeChild, S_WHATSAPP_NET } from "baileys";

export function node(tag: string, attrs: Record<string, string> = {}, content?: BinaryNode[] | string | Uint8Array): BinaryNode {
  return content === undefined ? { tag, attrs } : { tag, attrs, content };
}

export function resultOf(request: BinaryNode, content: BinaryNode[] = []): BinaryNode {
  return node("iq", { id: attribute(request, "id"), from: S_WHATSAPP_NET, type: "result" }, content);
}

/** A query that the server sends, and that the client answers under the same id. */
export function queryOf(id: string, content: BinaryNode): BinaryNode {
  return node("iq", { id, from: S_WHATSAPP_NET, type: "set", xmlns: "md" }, [content]);
}

/** Throws where the node lacks the attribute. */
export function attribute(of: BinaryNode, name: string): string {
  const value = of.attrs[name];
  if (value === undefined) throw new Error(`A <${of.tag}> lacks its ${name}.`);
  return value;
}

/** Throws where the node has no such child. */
export function child(of: BinaryNode, tag: string): BinaryNode {
  const found = getBinaryNodeChild(of, tag);
  if (found === undefined) throw new Error(`A <${of.tag}> lacks its <${tag}>.`);
  return found;
}

/** What the child holds, in bytes. */
export function bytesIn(of: BinaryNode, tag: string): Buffer {
  return contentOf(child(of, tag));
}

export function contentOf(of: BinaryNode): Buffer {
  if (of.content === undefined || Array.isArray(of.content)) throw new Error(`A <${of.tag}> lacks its content.`);
  return Buffer.from(of.content);
}

export function nowSeconds(): string {
  return String(Math.floor(Date.now() / 1000));
}
