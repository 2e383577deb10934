/** Holds docker-compose.yml, the Dockerfile and the Kubernetes manifests against the product that they run. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { readConfig } from "@mini-crm/runtime/config";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";

const root = join(import.meta.dirname, "..");
const textOf = (path: string) => readFileSync(join(root, path), "utf8");

type Settings = Record<string, string>;

interface PackageJson {
  version: string;
  workspaces: string[];
  devDependencies: Record<string, string>;
}
const { version, workspaces, devDependencies } = JSON.parse(textOf("package.json")) as PackageJson;

/** An image whose tag names one release. */
const PINNED = /^[\w./-]+:v?\d+\.\d+\.\d+(?:-[\w.-]+)?$/;

/** The names of the settings that the product reads, those that only matter with a broker included. */
function settingsThatAreRead(): Set<string> {
  const names = new Set<string>();
  const env = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get(_target, name) {
        names.add(String(name));
        return name === "KAFKA_BROKERS" ? "kafka:9092" : undefined;
      },
    },
  );
  readConfig(env, root);
  return names;
}

function expectOnlyKnownSettings(settings: Settings): void {
  const known = settingsThatAreRead();
  expect(Object.keys(settings).filter((name) => !known.has(name))).toEqual([]);
}

describe("docker-compose.yml", () => {
  interface Service {
    image: string;
    user: string;
    restart: string;
    ports?: string[];
    build?: { target: string };
    environment?: Settings;
    healthcheck?: { test: string[] };
    depends_on?: Record<string, { condition: string }>;
  }
  const text = textOf("docker-compose.yml");

  /** The services as Compose sees them with these variables. */
  function servicesWith(variables: Settings): Record<string, Service> {
    const fillIn = (_key: unknown, value: unknown) =>
      typeof value === "string" ? value.replaceAll(/\$\{(\w+):-\}/g, (_all, name: string) => variables[name] ?? "") : value;
    return (parse(text, fillIn, { merge: true }) as { services: Record<string, Service> }).services;
  }
  const services = servicesWith({});
  const names = Object.keys(services);
  const ours = ["backend", "workers"];

  test("has the engines and the two processes", () => {
    expect(names.toSorted()).toEqual(["backend", "mongodb", "redpanda", "workers"]);
  });

  test("demands no variable: an engine starts in a fresh clone", () => {
    const variables = text.replaceAll(/^ *#.*$/gm, "").match(/\$\{[^}]*\}|\$\w+/g) ?? [];
    expect(variables.filter((variable) => !/^\$\{\w+:-\}$/.test(variable))).toEqual([]);
    expect(variables).not.toHaveLength(0);
  });

  test.each(names)("%s is pinned, starts again by itself, is not root, and only this machine reaches it", (name) => {
    const service = services[name];
    expect(service?.image).toMatch(PINNED);
    expect(service?.restart).toBe("unless-stopped");
    expect(service?.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    for (const port of service?.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect(service?.ports).not.toHaveLength(0);
  });

  test.each(["mongodb", "redpanda"])("%s says when it is healthy", (name) => {
    expect(services[name]?.healthcheck?.test).not.toHaveLength(0);
  });

  test.each(ours)("%s is built from this version and waits for its engines", (name) => {
    expect(services[name]?.image).toBe(`mini-crm-${name}:${version}`);
    expect(services[name]?.build?.target).toBe(name);
    expect(services[name]?.depends_on).toEqual({
      mongodb: { condition: "service_healthy" },
      redpanda: { condition: "service_healthy" },
    });
  });

  test.each(ours)("%s keeps the hostname and the name that Docker gives it, so that there can be several", (name) => {
    expect(services[name]).not.toHaveProperty("hostname");
    expect(services[name]).not.toHaveProperty("container_name");
  });

  test.each(ours)("%s sets what the product reads, and starts with a key", (name) => {
    const settings = servicesWith({ API_KEY: "0123456789abcdef", MESSAGES_PER_MINUTE: "77" })[name]?.environment ?? {};
    expectOnlyKnownSettings(settings);
    expect(readConfig(settings, root)).toMatchObject({
      host: "0.0.0.0",
      backendPort: 3000,
      workersPort: 3004,
      dataDir: "/data",
      apiKey: "0123456789abcdef",
      messagesPerMinute: 77,
    });
    expect(Object.keys(settings)).toEqual(expect.arrayContaining(["MONGODB_URL", "KAFKA_BROKERS"]));
  });

  test.each(ours)("%s says what is missing without a key", (name) => {
    expect(() => readConfig(services[name]?.environment ?? {}, root)).toThrow(/set API_KEY/);
  });
});

describe("the Dockerfile", () => {
  const text = textOf("Dockerfile");
  const instructions = text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n */g, "")
    .split("\n")
    .filter(Boolean);
  const bases = instructions.flatMap((line) => /^FROM (\S+) AS (\S+)$/.exec(line)?.slice(1, 3).join(" ") ?? []);

  test("takes the Node that package.json pins, and ends in an image for each process", () => {
    const node = `node:${devDependencies["node"]}-bookworm-slim`;
    expect(bases).toEqual([`${node} dependencies`, `${node} product`, "product workers", "product backend"]);
  });

  test("has every package but those that only test", () => {
    const folders = globSync(workspaces, { cwd: root }).filter((folder) => existsSync(join(root, folder, "package.json")));
    const product = folders.filter((folder) => folder !== "e2e" && folder !== "bench");
    const manifests = instructions.flatMap((line) => /^COPY (\S+)\/package\.json \1\/$/.exec(line)?.[1] ?? []);
    expect(manifests.toSorted()).toEqual(product.toSorted());
    const sources = instructions.flatMap((line) => /^COPY (\w+) \1$/.exec(line)?.[1] ?? []);
    expect(new Set(sources)).toEqual(new Set(product.map((folder) => folder.split("/")[0])));
    const letIn = textOf(".dockerignore").match(/(?<=^!).*/gm) ?? [];
    expect(letIn).toEqual(expect.arrayContaining(["package.json", "package-lock.json", ...sources]));
  });

  test("runs nothing as root", () => {
    const user = instructions.indexOf("USER 1000:1000");
    expect(user).toBeGreaterThan(-1);
    expect(instructions.slice(user).filter((line) => /^(?:USER|RUN|COPY|ADD) /.test(line))).toEqual(["USER 1000:1000"]);
  });

  test.each(["backend", "workers"])("%s says whether it is healthy, and starts a file that is there", (name) => {
    const from = instructions.indexOf(`FROM product AS ${name}`);
    const [stage = ""] = instructions
      .slice(from + 1)
      .join("\n")
      .split("FROM ");
    const port = { backend: 3000, workers: 3004 }[name];
    expect(stage).toContain(`EXPOSE ${port}\n`);
    expect(stage).toMatch(new RegExp(`^HEALTHCHECK .*http://127\\.0\\.0\\.1:${port}/health`, "m"));
    expect(stage).toContain(`CMD ["node", "${name}/src/main.ts"]`);
    expect(existsSync(join(root, name, "src/main.ts"))).toBe(true);
  });
});

describe("the Kubernetes manifests", () => {
  const folder = "deploy/kubernetes";
  interface Kustomization {
    resources: string[];
    images?: { name: string; newTag: string }[];
    configMapGenerator: [{ name: string; literals: string[] }];
    secretGenerator?: [{ name: string; envs: [string] }];
  }
  const base = parse(textOf(`${folder}/base/kustomization.yaml`)) as Kustomization;
  const example = parse(textOf(`${folder}/example/kustomization.yaml`)) as Kustomization;
  const settings = parseEnv([base, example].flatMap((one) => one.configMapGenerator[0].literals).join("\n")) as Settings;
  const secrets = parseEnv(textOf(`${folder}/example/secrets.env`)) as Settings;
  interface KubernetesObject {
    kind: string;
    metadata: { name: string };
  }
  const objects = base.resources.flatMap((file) =>
    parseAllDocuments(textOf(`${folder}/base/${file}`)).map((document) => document.toJS() as KubernetesObject),
  );
  const find = (kind: string, name: string) => objects.find((object) => object.kind === kind && object.metadata.name === name);

  test("list every file that is there", () => {
    const files = globSync(["*.yaml"], { cwd: join(root, folder, "base") }).filter((file) => file !== "kustomization.yaml");
    expect(base.resources.toSorted()).toEqual(files.toSorted());
  });

  test.each(["backend", "workers"])("%s runs this version, unprivileged, with probes and limits", (name) => {
    const port = { backend: 3000, workers: 3004 }[name];
    expect(example.images).toContainEqual(expect.objectContaining({ name: `mini-crm-${name}`, newTag: version }));
    const container = {
      image: `mini-crm-${name}:${version}`,
      envFrom: [{ configMapRef: { name: "settings" } }, { secretRef: { name: "secrets" } }],
      ports: [{ name: "http", containerPort: port }],
      startupProbe: { tcpSocket: { port: "http" } },
      readinessProbe: { httpGet: { path: "/health", port: "http" } },
      livenessProbe: { exec: { command: ["node", "-e", expect.stringContaining(`127.0.0.1:${port}/health`)] } },
      resources: { requests: { cpu: expect.any(String) }, limits: { memory: expect.any(String) } },
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
    };
    const pod = {
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      topologySpreadConstraints: [{ topologyKey: "kubernetes.io/hostname" }],
      containers: [container],
    };
    const deployment = find("Deployment", name);
    expect(deployment).toMatchObject({
      spec: { template: { metadata: { labels: { "app.kubernetes.io/name": name } }, spec: pod } },
    });
    // Its pods would share their machine's hostname: each would take the others' processes for its own dead ones.
    expect(JSON.stringify(deployment)).not.toContain("hostNetwork");
  });

  test.each(["backend", "workers"])("%s loses one pod at a time to maintenance", (name) => {
    const budget = find("PodDisruptionBudget", name);
    expect(budget).toMatchObject({ spec: { maxUnavailable: 1, selector: { matchLabels: { "app.kubernetes.io/name": name } } } });
  });

  test("set what the product reads, and are refused until the secrets are real", () => {
    expectOnlyKnownSettings({ ...settings, ...secrets });
    expect(() => readConfig({ ...settings, ...secrets }, root)).toThrow(
      /^MONGODB_URL must be[^]*API_KEY must be[^]*SECRETS_KEY must be/,
    );
    const engine = { MONGODB_URL: "mongodb+srv://crm:secret@db.example.com/mini_crm" };
    const real = { ...engine, API_KEY: "0123456789abcdef", SECRETS_KEY: "0123456789abcdef".repeat(4) };
    expect(readConfig({ ...settings, ...secrets, ...real }, root)).toMatchObject({ host: "0.0.0.0", dataDir: "/data" });
  });
});
