/** Owns what the linter enforces: correct code, and the one way in which imports, time, chance and the environment may flow. */
import { defineConfig, type OxlintConfig, type OxlintOverride } from "oxlint";

type Rules = NonNullable<OxlintConfig["rules"]>;

/** The rule for imports. The patterns read like a .gitignore: each refuses what it matches, `!` allows, the last match decides. */
function refuseImports(patterns: string[], message: string): Rules {
  const everywhere = [
    {
      // Another folder's `src`, or a folder of the root that has none.
      regex: String.raw`\.\./([\w-]+/)+src/|\.\./(e2e|bench|scripts)/`,
      message: "A relative import stays inside its package; import another package by its name.",
    },
    { regex: "^(node:)?process$", message: "Use the global `process`, whose environment only packages/runtime reads." },
  ];
  // A pattern that allows an import ends the search, so the patterns that hold everywhere come first.
  return { "no-restricted-imports": ["error", { patterns: [...everywhere, { group: patterns, message }] }] };
}

/** Nothing but relative files and these libraries. */
function importsOnly(files: string[], libraries: string[]): OxlintOverride {
  const allowed = libraries.flatMap((name) => [`!${name}`, `!${name}/**`]);
  return { files, rules: refuseImports(["**", "!./**", "!../**", ...allowed], `Imports only: ${libraries.join(", ")}.`) };
}

/** Of this repository's packages only these; libraries and Node's own modules freely, save those refused. */
function importsPackages(files: string[], names: string[], refused: string[] = []): OxlintOverride {
  const allowed = names.map((name) => `!@mini-crm/${name}/**`);
  const message = `Imports these packages only: ${names.join(", ")}.`;
  return { files, rules: refuseImports(["@mini-crm/**", ...allowed, ...refused], message) };
}

const environment = { object: "process", property: "env", message: "Only packages/runtime reads the environment." };

const timeAndChance = [
  { object: "Date", property: "now", message: "Time comes from the Clock." },
  { object: "performance", property: "now", message: "Time comes from the Clock." },
  { object: "Math", property: "random", message: "Chance comes from the Clock." },
  { object: "crypto", property: "randomUUID", message: "Chance comes from the Clock." },
];
const timers = ["setTimeout", "setInterval"].map((name) => ({ name, message: "Time comes from the Clock." }));

const coreTests = ["packages/core/**/*.test.ts", "packages/core/src/contracts/**"];
const tests = ["**/*.test.ts", "e2e/**", ...coreTests];

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  rules: {
    eqeqeq: "error",
    "no-unused-vars": ["error", { ignoreRestSiblings: true, argsIgnorePattern: "^_" }],
    "import/no-cycle": "error",
    "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
    "typescript/consistent-type-imports": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "unicorn/prefer-node-protocol": "error",
    "vitest/expect-expect": ["error", { assertFunctionNames: ["expect", "expect*", "fc.assert"] }],
    "vitest/no-disabled-tests": "error",
    "vitest/no-focused-tests": "error",
    "vitest/valid-expect": ["error", { maxArgs: 2 }],
    "no-restricted-properties": ["error", environment],
    ...refuseImports(["@mini-crm/**"], "Give this folder its line among the overrides of oxlint.config.ts first."),

    // `_id` is the API's name, and fc.assert is how fast-check is read.
    "no-underscore-dangle": "off",
    "import/no-named-as-default-member": "off",
    // Written for Express and for classes; the routes are fastify's and the modules are functions.
    "oxc/no-async-endpoint-handlers": "off",
    "typescript/unbound-method": "off",
    // Written for windows; worker threads have no origin.
    "unicorn/require-post-message-target-origin": "off",
    // The compiler checks returns, and no-base-to-string what a template turns into text.
    "typescript/consistent-return": "off",
    "typescript/restrict-template-expressions": "off",
    // Rows and parsed JSON take their type at the boundary that has just checked them.
    "typescript/no-unsafe-type-assertion": "off",
    // Code points are meant, a fresh array may be sorted in place, `...[` wraps a long list in lines of many, and a function
    // reads best beside its only caller.
    "typescript/no-misused-spread": "off",
    "unicorn/consistent-function-scoping": "off",
    "unicorn/no-array-reverse": "off",
    "unicorn/no-array-sort": "off",
    "unicorn/no-new-array": "off",
    "unicorn/no-useless-spread": "off",
    // It does not see what a callback changes.
    "no-unmodified-loop-condition": "off",
    // Property tests expect one thing or another, depending on the sample; what ends a test's system expects a clean end.
    "vitest/no-conditional-expect": "off",
    "vitest/no-standalone-expect": "off",
  },
  overrides: [
    importsOnly(["packages/core/**"], ["liquidjs", "libphonenumber-js"]),
    importsOnly(coreTests, ["liquidjs", "libphonenumber-js", "vitest", "fast-check"]),
    importsOnly(["packages/wire/**"], ["typebox"]),
    importsOnly(["packages/wire/**/*.test.ts"], ["typebox", "vitest", "fast-check"]),
    importsPackages(["packages/adapters/**"], ["core"]),
    importsPackages(["packages/runtime/**"], ["core", "adapters"]),
    importsPackages(["backend/**"], ["core", "wire", "runtime"]),
    importsPackages(["workers/**"], ["core", "wire", "runtime"], ["node:timers", "node:timers/promises"]),
    importsPackages(["cli/**"], ["core", "wire", "runtime", "backend", "workers"]),
    importsPackages(["web/**"], ["wire"]),
    importsPackages(["e2e/**", "bench/**"], ["*"]),
    {
      files: ["packages/core/**", "workers/**"],
      excludeFiles: tests,
      rules: {
        "no-restricted-globals": ["error", ...timers],
        "no-restricted-properties": ["error", environment, ...timeAndChance],
      },
    },
    {
      files: ["packages/runtime/**", "packages/adapters/**/{*.test,temporary}.ts", "e2e/**", "bench/**", "scripts/**"],
      rules: { "no-restricted-properties": "off" },
    },
    { files: tests, rules: { "max-lines-per-function": "off" } },
  ],
});
