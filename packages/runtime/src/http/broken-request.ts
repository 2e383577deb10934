/** Owns the answer to bytes that are no HTTP request: they never become one, so it is written to the socket. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { envelopeOf } from "./error-answers.ts";

/** Answers in the error envelope and closes the connection; `error` is the HTTP parser's. */
export function refuseBrokenRequest(error: Error & { code: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const { status, code, message, details } = refusalOf(error.code);
  const body = JSON.stringify(envelopeOf({ code, message, details }));
  if (socket.writable) {
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Content-Type: application/json; charset=utf-8",
      "Connection: close",
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}

function refusalOf(parserCode: string): { status: number; code: string; message: string; details: string } {
  switch (parserCode) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, code: "REQUEST_TIMEOUT", message: "The request took too long to arrive.", details: "Send it again." };
    case "HPE_HEADER_OVERFLOW":
      return {
        status: 431,
        code: "HEADERS_TOO_LARGE",
        message: "The headers are too large.",
        details: "Send fewer or shorter ones.",
      };
    default:
      return {
        status: 400,
        code: "BAD_REQUEST",
        message: "This is not a valid HTTP request.",
        details: "Check how it was sent.",
      };
  }
}
