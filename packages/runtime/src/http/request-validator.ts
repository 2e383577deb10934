/** Owns how requests are held against their TypeBox schemas. */
import type { FastifySchemaCompiler } from "fastify";
import { IsObject, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Pointer } from "typebox/value";

/** Bodies are taken as they are. A query string holds only text, so numbers and booleans are read out of it first. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  return (given: unknown) => {
    const value = httpPart === "querystring" ? readQuery(schema, given) : given;
    if (validator.Check(value)) return { value };
    return { error: validator.Errors(value).map((violation) => withSchemaWords(violation, schema)) };
  };
};

/**
 * Adds to the `params` of `violation` what only the schema knows: `words`, its own for the keyword that was broken
 * (`errorMessage: {pattern: "must be ..."}`, as ajv-errors has them), and of an unknown field `known`, the fields there are.
 */
function withSchemaWords<V extends { keyword: string; schemaPath: string; params: object }>(violation: V, schema: TSchema): V {
  const { keyword, schemaPath, params } = violation;
  const path = schemaPath.slice(1).replace(/\/additionalProperties$/, "");
  const broken: { errorMessage?: Record<string, string>; properties?: object } = Object(Pointer.Get(schema, path));
  const known = Object.keys(broken.properties ?? {});
  return { ...violation, params: { ...params, words: broken.errorMessage?.[keyword], known } };
}

function readQuery(schema: TSchema, query: unknown): unknown {
  if (!IsObject(schema) || typeof query !== "object" || query === null) return query;
  const { properties } = schema;
  const fields = Object.entries(query).map(([name, text]) => {
    const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return [name, readText(field !== undefined && "type" in field ? field.type : undefined, text)];
  });
  return Object.fromEntries(fields);
}

/** What does not read as `type` stays text, which the schema then refuses. */
function readText(type: unknown, text: unknown): unknown {
  if (typeof text !== "string") return text;
  if ((type === "number" || type === "integer") && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
