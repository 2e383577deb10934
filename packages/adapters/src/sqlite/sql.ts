/** Owns pieces of SQL that carry their own parameters, so that they can be put together in any order. */

export interface Sql {
  readonly sql: string;
  readonly params: readonly (string | number)[];
}

/** SQL of the program's own, never a caller's text. */
export function raw(text: string): Sql {
  return { sql: text, params: [] };
}

/** Puts pieces in place as they are; texts and numbers become parameters. */
export function sql(strings: TemplateStringsArray, ...parts: readonly (Sql | string | number)[]): Sql {
  let text = strings[0] ?? "";
  const params: (string | number)[] = [];
  for (const [index, part] of parts.entries()) {
    if (typeof part === "object") {
      text += part.sql;
      params.push(...part.params);
    } else {
      text += "?";
      params.push(part);
    }
    text += strings[index + 1] ?? "";
  }
  return { sql: text, params };
}
