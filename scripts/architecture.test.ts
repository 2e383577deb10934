/** Sees the linter, with the repository's own configuration, catch a planted violation of each rule about what may use what. */
import { spawnSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** The direction of dependencies: what each package may import. */
const direction: Record<string, string[]> = {
  "packages/core": [],
  "packages/wire": [],
  "packages/adapters": ["core"],
  "packages/runtime": ["core", "adapters"],
  backend: ["core", "wire", "runtime"],
  workers: ["core", "wire", "runtime"],
  cli: ["core", "wire", "runtime", "backend", "workers"],
  web: ["wire"],
  e2e: ["core", "wire", "adapters", "runtime", "backend", "workers", "cli", "web", "bench"],
  bench: ["core", "wire", "adapters", "runtime", "backend", "workers", "cli", "web", "e2e"],
};

const folders = Object.keys(direction);
const nameOf = (folder: string) => folder.replace("packages/", "");
const sourceOf = (folder: string) => (folder === "e2e" || folder === "bench" ? folder : `${folder}/src`);
const importOf = (specifier: string) => `import { thing } from "${specifier}";\n\nexport const user = [thing];\n`;

interface Planted {
  path: string;
  code: string;
  /** The rule that must catch it, or none where the code is as it should be. */
  caughtBy: string | null;
}

const planted = new Map<string, Planted>();

function plant(sentence: string, path: string, code: string, caughtBy: string | null) {
  planted.set(sentence, { path: path.replace("*", `planted-${planted.size}`), code, caughtBy });
}

const imports = "eslint(no-restricted-imports)";
const properties = "eslint(no-restricted-properties)";
const globals = "eslint(no-restricted-globals)";

for (const folder of folders) {
  for (const other of folders) {
    if (other === folder) continue;
    const isAllowed = direction[folder]?.includes(nameOf(other));
    const sentence = `${folder} ${isAllowed ? "may" : "may not"} import ${nameOf(other)}`;
    plant(sentence, `${sourceOf(folder)}/*.ts`, importOf(`@mini-crm/${nameOf(other)}/thing`), isAllowed ? null : imports);
    const path = `${"../".repeat(sourceOf(folder).split("/").length)}${sourceOf(other)}/thing.ts`;
    plant(`${folder} may not import ${other} by a relative path`, `${sourceOf(folder)}/*.ts`, importOf(path), imports);
  }
  plant(`${folder} may import its own files`, `${sourceOf(folder)}/part/*.ts`, importOf("../other/thing.ts"), null);
}

for (const dynamic of ['await import("@mini-crm/adapters/thing")', 'import("@mini-crm/adapters/thing").then(String)'])
  plant(`a package is also refused in ${dynamic}`, "backend/src/*.ts", `export const thing = ${dynamic};\n`, imports);
plant(
  "a package is also refused for its types",
  "backend/src/*.ts",
  'import type { Thing } from "@mini-crm/adapters/thing";\n\nexport type Other = Thing | null;\n',
  imports,
);

plant("core may import its libraries", "packages/core/src/*.ts", importOf("libphonenumber-js/max"), null);
plant("core may not import another library", "packages/core/src/*.ts", importOf("fastify"), imports);
plant("core may not import from Node", "packages/core/src/*.ts", importOf("node:fs"), imports);
plant("core may not import vitest", "packages/core/src/*.ts", importOf("vitest"), imports);
plant("core's tests may import fast-check", "packages/core/src/*.test.ts", importOf("fast-check"), null);
plant("core's tests may not import from Node", "packages/core/src/*.test.ts", importOf("node:fs"), imports);
plant("core's contracts may import vitest", "packages/core/src/contracts/*.ts", importOf("vitest"), null);
plant("core's contracts may not import adapters", "packages/core/src/contracts/*.ts", importOf("@mini-crm/adapters/a"), imports);
plant("wire may import typebox", "packages/wire/src/*.ts", importOf("typebox/value"), null);
plant("wire may not import another library", "packages/wire/src/*.ts", importOf("fastify"), imports);
plant("wire may not import from Node", "packages/wire/src/*.ts", importOf("node:fs"), imports);
plant("wire's tests may import vitest", "packages/wire/src/*.test.ts", importOf("vitest"), null);

for (const folder of folders.filter((each) => !["packages/runtime", "e2e", "bench"].includes(each))) {
  plant(`${folder} may not read the environment`, `${folder}/src/*.ts`, "export const a = process.env;\n", properties);
  plant(`${folder} may not import process`, `${folder}/src/*.ts`, importOf("node:process"), imports);
}
plant("runtime may read the environment", "packages/runtime/src/*.ts", "export const a = process.env;\n", null);

for (const folder of ["packages/core", "workers"]) {
  const source = `${folder}/src/*.ts`;
  for (const call of ["Date.now()", "performance.now()", "Math.random()", "crypto.randomUUID()"])
    plant(`${folder} may not call ${call}`, source, `export const a = ${call};\n`, properties);
  for (const timer of ["setTimeout", "setInterval"])
    plant(`${folder} may not call ${timer}`, source, `export const a = ${timer}(String, 1);\n`, globals);
  for (const module of ["node:timers", "node:timers/promises"])
    plant(`${folder} may not import ${module}`, source, importOf(module), imports);
}

describe("the linter, with the repository's configuration", () => {
  const copy = mkdtempSync(join(tmpdir(), "mini-crm-architecture-"));
  let findings: { code: string; filename: string }[] = [];

  beforeAll(() => {
    copyFileSync(join(root, "oxlint.config.ts"), join(copy, "oxlint.config.ts"));
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    for (const { path, code } of planted.values()) {
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      writeFileSync(join(copy, path), code);
    }
    findings = lint(copy);
  });

  afterAll(() => rmSync(copy, { recursive: true }));

  test.each([...planted])("%s", (_sentence, { path, caughtBy }) => {
    const codes = new Set(findings.filter(({ filename }) => filename === path).map(({ code }) => code));
    expect([...codes]).toEqual(caughtBy === null ? [] : [caughtBy]);
  });
});

test("every workspace has its place in the direction of dependencies", () => {
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const manifests = globSync(`{${workspaces.join(",")}}/package.json`, { cwd: root });
  expect(folders).toEqual(expect.arrayContaining(manifests.map((path) => dirname(path))));
});

function lint(cwd: string): { code: string; filename: string }[] {
  const command = [join(root, "node_modules/oxlint/bin/oxlint"), "--format=json", ...folders];
  const { stdout, stderr } = spawnSync(process.execPath, command, { cwd, encoding: "utf8", maxBuffer: 10_000_000 });
  if (!stdout.startsWith("{")) throw new Error(`the linter failed: ${stderr}`);
  return JSON.parse(stdout).diagnostics;
}
