/** Owns how a MongoDB URL is read: which database it names, and what of it may be shown. */

/** The name of the database where the URL has none. */
const DEFAULT_NAME = "mini_crm";

/** Where the URL leads, without what may be secret; only the last `@` is surely behind a password that should have been encoded. */
export function shown(url: string): string {
  return url.replace(/\/\/.*@/, "//").replace(/\?.*/, "");
}

/** The database that the URL's path names. */
export function databaseName(url: string): string {
  const [, name = ""] = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]*)/.exec(url) ?? [];
  return name === "" ? DEFAULT_NAME : decodeURIComponent(name);
}

/** The same servers and settings with another database. */
export function withDatabase(url: string, name: string): string {
  return url.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?[^?]*/, `$1/${name}`);
}
