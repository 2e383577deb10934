/** Owns the envelope that every answer under `/api/v1` comes in. */
import { type Static, type TLiteral, type TObject, type TSchema, Type } from "typebox";

export type Success<S extends TSchema> = TObject<{ success: TLiteral<true>; data: S }>;

export function success<S extends TSchema>(data: S): Success<S> {
  return Type.Object({ success: Type.Literal(true), data });
}

/** One thing that is wrong with the input. */
const Problem = Type.Object({
  field: Type.String({ description: "Where, such as emails[2]; empty for the whole" }),
  rule: Type.String({ description: "Which rule was broken, for machines" }),
  message: Type.String({ description: "The same for people, with what to do about it" }),
});
export type Problem = Static<typeof Problem>;

export const ErrorEnvelope = Type.Object({
  success: Type.Literal(false),
  error: Type.Object({
    message: Type.String({ description: "What is wrong, for people" }),
    code: Type.String({ description: "What is wrong, for machines", examples: ["SEGMENT_NOT_FOUND"] }),
    details: Type.Union([Type.String(), Type.Array(Problem)], {
      description: "More of it: a sentence, or every problem of the input",
    }),
  }),
});
export type ErrorEnvelope = Static<typeof ErrorEnvelope>;

/** What every noun's item answers when it is removed. */
export const Removed = Type.Object({ _id: Type.String(), removed: Type.Literal(true) });
