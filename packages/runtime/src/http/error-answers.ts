/** Owns how everything that goes wrong in a request is answered: one envelope, plain words, and nothing of the inside. */
import { AppError, type AppErrorCode } from "@mini-crm/core/app-error";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { invalidInput, Refusal } from "./refusal.ts";
import { problemsOf } from "./validation-problems.ts";

/** Tells callers when to come back after an outage, in seconds. */
const RETRY_AFTER_S = 5;

/** Answers `error`. Whatever is no fault of the caller is logged here, under the request's id. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = refusalOf(error, request);
  if (refusal.status >= 500) {
    const level = refusal.status === 503 ? "warn" : "error";
    request.log[level]({ err: error }, refusal.message);
  }
  reply
    .code(refusal.status)
    .headers(refusal.headers)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(envelopeOf(refusal)));
}

/** The error envelope, the same for every failure. */
export function envelopeOf({ message, code, details }: Pick<Refusal, "message" | "code" | "details">): object {
  return { success: false, error: { message, code, details } };
}

function refusalOf(error: unknown, request: FastifyRequest): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof AppError && error.retryable) return unavailable(error.code);
  if (isFastifyError(error)) return refusalOfFastify(error, request) ?? unexpected(request);
  return unexpected(request);
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("FST_");
}

function refusalOfFastify(error: FastifyError, request: FastifyRequest): Refusal | null {
  if (error.validation !== undefined) return invalidInput(problemsOf(error.validation, error.validationContext ?? "request"));
  switch (error.code) {
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return new Refusal({
        status: 400,
        code: "INVALID_JSON",
        message: "The body is not valid JSON.",
        details: "Check quotes, commas and brackets; the keys __proto__ and constructor.prototype are refused as well.",
      });
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new Refusal({
        status: 413,
        code: "BODY_TOO_LARGE",
        message: "The body is too large.",
        details: `At most ${request.routeOptions.bodyLimit} bytes are accepted here: send it in parts.`,
      });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new Refusal({
        status: 415,
        code: "UNSUPPORTED_MEDIA_TYPE",
        message: "The body's content type is not accepted here.",
        details: "Send JSON with the header Content-Type: application/json.",
      });
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new Refusal({
        status: 400,
        code: "INVALID_CONTENT_LENGTH",
        message: "The body does not have the length that Content-Length says.",
        details: "Send the length of the body in bytes, or leave the header out.",
      });
    case "FST_ERR_BAD_URL":
      return new Refusal({
        status: 400,
        code: "INVALID_URL",
        message: "The path is not a valid URL.",
        details: "Encode special characters with % and two hexadecimal digits, as UTF-8.",
      });
    default:
      return null;
  }
}

const OUTAGES: Partial<Record<AppErrorCode, string>> = {
  STORE_UNAVAILABLE: "The database cannot be reached at the moment.",
  STORE_FULL: "The disk of the database is full: nothing can be written until there is room again.",
  BUS_UNAVAILABLE: "The event bus cannot be reached at the moment.",
  INBOX_FULL: "So much of what WhatsApp told waits to be worked through that no more is taken.",
};

function unavailable(code: AppErrorCode): Refusal {
  return new Refusal({
    status: 503,
    code,
    message: OUTAGES[code] ?? "This cannot be done at the moment.",
    details: `Nothing is wrong with the request: try it again in ${RETRY_AFTER_S} seconds.`,
    headers: { "retry-after": String(RETRY_AFTER_S) },
  });
}

function unexpected(request: FastifyRequest): Refusal {
  return new Refusal({
    status: 500,
    code: "INTERNAL_ERROR",
    message: "Something went wrong on the server.",
    details: `The server's log tells more under the request id ${request.id}.`,
  });
}
