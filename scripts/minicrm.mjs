#!/usr/bin/env node
/** Owns the way from `npx minicrm` to the command, with the Node that package.json pins. */
process.argv.splice(2, 0, "cli/src/main.ts");
await import("./run.mjs");
