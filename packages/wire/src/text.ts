/** Owns the schemas of texts and times that every noun uses. */
import { type TString, Type } from "typebox";

/** A text of 1 to `maxLength` characters that is more than blanks, and that every engine can keep unchanged. */
export function textUpTo(maxLength: number, description: string): TString {
  const text = Type.String({ minLength: 1, maxLength, description });
  const visible = Type.Refine(
    text,
    (value) => value.trim() !== "",
    () => "must not be blank",
  );
  return Type.Refine(
    visible,
    (value) => !value.includes("\0") && value.isWellFormed(),
    () => "must not hold a NUL character or half a character",
  );
}

/** A moment, as ISO 8601 in UTC with milliseconds. */
export const Time = Type.String({ format: "date-time", examples: ["2025-09-15T16:16:00.000Z"] });
export const TimeOrNull = Type.Union([Time, Type.Null()]);
export const TextOrNull = Type.Union([Type.String(), Type.Null()]);
export const NumberOrNull = Type.Union([Type.Number(), Type.Null()]);

/** The identifier in a path; one that does not exist is answered with 404, whatever it looks like. */
export const IdParams = Type.Object({ id: Type.String({ description: "The identifier" }) });
