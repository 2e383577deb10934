import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Lead } from "../lead/lead.ts";
import { parseTemplate, type Rendered, render, type Template, templateOf } from "./template.ts";
import { VARIABLES } from "./variables.ts";

const NOW = Date.UTC(2025, 0, 15, 23, 30);

function lead(fields: Partial<Lead> = {}): Lead {
  return {
    _id: "65a4b2c8d9e8f123456789ab",
    external_id: "C-1",
    name: "John Doe",
    emails: ["john@example.com", "jd@example.com"],
    phones: ["+1234567890"],
    total_spend: 1500,
    visits: 8,
    last_order_at: Date.UTC(2025, 0, 10, 10),
    tags: ["vip", "berlin"],
    timezone: null,
    consent: { state: "unknown", source: null, at: null },
    metadata: { tier: "premium", preferences: ["electronics"], address: { city: "Berlin" } },
    created_at: NOW,
    updated_at: NOW,
    ...fields,
  };
}

function parsed(source: string): Template {
  const result = parseTemplate(source);
  if (!result.ok) throw new Error(result.problem.message);
  return result.template;
}

function rendered(source: string, fields: Partial<Lead> = {}): Rendered {
  return render(parsed(source), lead(fields), NOW);
}

function text(source: string, fields: Partial<Lead> = {}): string {
  const result = rendered(source, fields);
  if (result.kind !== "text") throw new Error(JSON.stringify(result));
  return result.text;
}

function problem(source: string): { rule: string; message: string } {
  const result = parseTemplate(source);
  if (result.ok) throw new Error(`${source} was not refused`);
  expect(result.problem.field).toBe("message_template");
  return result.problem;
}

describe("what a template says", () => {
  const walkthrough =
    "Hi {{name}}! 🎉 As a valued customer who has spent ${{total_spend}} with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for {{visits}} visits!";

  test.each([
    ["John Doe", 1500, 8],
    ["Bob Smith", 2200, 12],
    ["David Brown", 4500, 20],
  ])("%s reads his name, what he has spent, and how often he came", (name, total_spend, visits) => {
    expect(text(walkthrough, { name, total_spend, visits })).toBe(
      `Hi ${name}! 🎉 As a valued customer who has spent $${total_spend} with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for ${visits} visits!`,
    );
  });

  test("every variable has its value", () => {
    const source = VARIABLES.filter((name) => name !== "metadata").map((name) => `${name}={{ ${name} }}`);
    expect(text(source.join("\n"), { timezone: "Europe/Berlin" }).split("\n")).toEqual([
      "name=John Doe",
      "email=john@example.com",
      "phone=+1234567890",
      "total_spend=1500",
      "visits=8",
      "last_order_at=2025-01-10T10:00:00.000Z",
      "external_id=C-1",
      "timezone=Europe/Berlin",
      "emails=john@example.com, jd@example.com",
      "phones=+1234567890",
      "tags=vip, berlin",
    ]);
  });

  test("metadata is read by its path", () => {
    expect(text("{{ metadata.tier }} {{ metadata.address.city }} {{ metadata.preferences[0] }}")).toBe(
      "premium Berlin electronics",
    );
    expect(text('{{ metadata["first name"] }}', { metadata: { "first name": "Ana" } })).toBe("Ana");
  });

  test.each([
    [1500, "1500"],
    [1500.5, "1500.5"],
    [0, "0"],
    [-3.25, "-3.25"],
    [0.1 + 0.2, "0.3"],
    [1e21, "1000000000000000000000"],
    [0.0000001, "0.0000001"],
  ])("the number %d is written as people write it", (total_spend, written) => {
    expect(text("{{ total_spend }}", { total_spend })).toBe(written);
    expect(text("{{ total_spend | plus: 0 }}", { total_spend })).toBe(written);
  });

  test("what is calculated shows no rounding error", () => {
    expect(text("{{ total_spend | times: 1.1 }}")).toBe("1650");
    expect(text("{{ total_spend | divided_by: 7.0 | round: 2 }}")).toBe("214.29");
  });

  test("conditions, loops and own variables work", () => {
    const source =
      '{% if visits > 5 %}Dear {{ name | split: " " | first }}{% else %}Hi{% endif %}:{% for tag in tags %} #{{ tag }}{% endfor %}' +
      "{% assign half = total_spend | divided_by: 2 %} {{ half }}{% capture both %}{{ name }}/{{ visits }}{% endcapture %} {{ both }}";
    expect(text(source)).toBe("Dear John: #vip #berlin 750 John Doe/8");
  });

  test("dates are in the lead's time zone, else in UTC", () => {
    const source = '{{ last_order_at | date: "%d.%m.%Y %H:%M" }}, {{ "now" | date: "%d.%m. %H:%M" }}';
    expect(text(source)).toBe("10.01.2025 10:00, 15.01. 23:30");
    expect(text(source, { timezone: "Asia/Tokyo" })).toBe("10.01.2025 19:00, 16.01. 08:30");
    expect(text("{{ last_order_at | date }}")).toBe("10 January 2025");
  });

  test("hyphens take away the white space beside them", () => {
    expect(text("Hi \n {{- name -}} \n !")).toBe("HiJohn Doe!");
  });

  test("what is not Liquid goes out as it is", () => {
    expect(text("50% off { name } } ${{ visits }} <b>&amp;")).toBe("50% off { name } } $8 <b>&amp;");
  });

  test("templates without tags render as LiquidJS renders them", () => {
    const value = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.string()),
      fc.dictionary(fc.string(), fc.string()),
    );
    const key = fc.constantFrom("a", "b", "toString", "length", "size", "first", "last", "0");
    const metadata = fc.dictionary(key, fc.oneof(value, fc.dictionary(key, value)));
    const piece = fc.oneof(
      fc.string().filter((literal) => !literal.includes("{")),
      fc.tuple(key, fc.option(key)).map(([one, two]) => (two === null ? `{{metadata.${one}}}` : `{{ metadata.${one}.${two} -}}`)),
      fc.constantFrom(
        '{{ metadata.a | default: "x" }}',
        "{{ metadata.b | upcase }}",
        '{{ name | append: "," }}',
        "{{ tags | join }}",
      ),
      fc.constantFrom(
        '{{ metadata.a.b | default: "" }}',
        "{{ visits | times: 1.1 }}",
        '{{ "now" | date: "%d" }}',
        "{{ metadata[name] }}",
      ),
      fc.constantFrom(...VARIABLES).map((name) => (name === "metadata" ? "{{ metadata.a }}" : `{{${name}}}`)),
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1 }), metadata, fc.option(fc.string()), (pieces, data, name) => {
        const source = `.${pieces.join("")}`;
        const plain = parseTemplate(source);
        // A tag that renders nothing makes LiquidJS render all of it.
        const full = parseTemplate(`${source}{% comment %}{% endcomment %}`);
        expect(plain.ok).toBe(full.ok);
        if (!plain.ok || !full.ok) return;
        const someone = lead({ name, metadata: JSON.parse(JSON.stringify(data)) });
        expect(render(plain.template, someone, NOW)).toEqual(render(full.template, someone, NOW));
      }),
    );
  });
});

describe("a message with a hole is blank", () => {
  test.each([
    ["{{ name }}", { name: null }, "name"],
    ["Hi {{ name | upcase }}", { name: null }, "name"],
    ["{{ phone }}", { phones: [] }, "phone"],
    ["{{ tags }}", { tags: [] }, "tags"],
    ["{{ metadata.vip }}", {}, "metadata.vip"],
    ["{{ metadata.address.street.number }}", {}, "metadata.address.street.number"],
    ["{{ metadata.tier }}", { metadata: { tier: "" } }, "metadata.tier"],
    ["{{ metadata.tier }}", { metadata: { tier: null } }, "metadata.tier"],
    ["{{ total_spend | divided_by: visits }}", { visits: 0 }, "total_spend"],
    ["{% if visits > 1 %}{{ metadata.vip }}{% endif %}", {}, "metadata.vip"],
    ["{% for tag in tags %}{{ tag }}{% endfor %}", { tags: ["a", ""] }, "tag"],
    ["{% assign x = metadata.vip %}{{ x }}", {}, "x"],
    ["{{ metadata.constructor }}", {}, "metadata.constructor"],
    ["{{ metadata.__proto__ }}", {}, "metadata.__proto__"],
  ])("%s", (source, fields: Partial<Lead>, variable) => {
    expect(rendered(source, fields)).toEqual({ kind: "blank", variable });
  });

  test("but not with a default, even an empty one", () => {
    expect(text('{{ metadata.vip | default: "x" }}')).toBe("x");
    expect(text('Hi{{ metadata.vip | default: "" }}')).toBe("Hi");
    expect(text('{{ metadata.vip | default: "gold" | upcase }}')).toBe("GOLD");
  });

  test("nor in a branch that is not taken", () => {
    expect(text("{% if metadata.vip %}{{ metadata.vip }}{% else %}Hi{% endif %}")).toBe("Hi");
  });

  test("and zero and false are values", () => {
    expect(text("{{ visits }} {{ metadata.member }}", { visits: 0, metadata: { member: false } })).toBe("0 false");
  });
});

describe("a message that cannot be sent fails with a reason", () => {
  test("an object has no text", () => {
    const reason = "{{ metadata.address }} has several fields: name one of them";
    expect(rendered("{{ metadata.address }}")).toEqual({ kind: "failed", reason });
    expect(rendered("{% if true %}{{ metadata.address }}{% endif %}")).toEqual({ kind: "failed", reason });
  });

  test("a text longer than WhatsApp takes", () => {
    expect(text("{{ metadata.long }}", { metadata: { long: "x".repeat(4_096) } })).toHaveLength(4_096);
    expect(rendered("{{ metadata.long }}!", { metadata: { long: "x".repeat(4_096) } })).toEqual({
      kind: "failed",
      reason: "the message has 4097 characters; WhatsApp takes 4096",
    });
  });

  test("an empty text", () => {
    expect(rendered("{% if visits > 100 %}Hi{% endif %}\n")).toEqual({ kind: "failed", reason: "the message is empty" });
  });

  test.each([
    "{% for a in metadata.list %}{% for b in metadata.list %}{% endfor %}{% endfor %}.",
    "{% for a in (1..1000) %}{% for b in (1..1000) %}{% endfor %}{% endfor %}",
    "{% for a in (1..1000000000) %}{% endfor %}",
    '{% assign x = "ab" %}{% for a in (1..30) %}{% assign x = x | append: x %}{% endfor %}{{ x }}',
  ])("a template without end: %s", (source) => {
    const before = performance.now();
    const metadata = { list: new Array<number>(300).fill(1) };
    expect(rendered(source, { metadata })).toEqual({
      kind: "failed",
      reason: expect.stringMatching(/^line 1, column \d+: this repeats too much$/),
    });
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test("a date in a time zone that does not exist", () => {
    expect(rendered('{{ "now" | date: "%H", "Nowhere/Here" }}')).toEqual({
      kind: "failed",
      reason: "line 1, column 1: this cannot be worked out",
    });
  });
});

describe("a template is refused", () => {
  test.each([
    ["Hi {{nmae}}", 'line 1, column 6: "nmae" is not a variable: did you mean {{ name }}?'],
    ["Hi\n {{ lead.name }}", 'line 2, column 5: "lead" is not a variable: did you mean {{ name }}?'],
    ["{{ totalSpent }}", 'line 1, column 4: "totalSpent" is not a variable: did you mean {{ total_spend }}?'],
    ["{% if nmae %}x{% endif %}", 'line 1, column 7: "nmae" is not a variable: did you mean {{ name }}?'],
    ["{{ name | default: nmae }}", 'line 1, column 20: "nmae" is not a variable: did you mean {{ name }}?'],
    ["{{ metadata[nmae] }}", 'line 1, column 13: "nmae" is not a variable: did you mean {{ name }}?'],
    ["{{ name.first }}", 'line 1, column 4: "name" has no parts: write {{ name }}.'],
    ["{{ metadata }}", 'line 1, column 4: "metadata" has many fields: write which one, such as {{ metadata.tier }}.'],
    [
      "{{ constructor }}",
      /^line 1, column 4: "constructor" is not a variable: use name, email, .* tags, or metadata.constructor for a field of your own\.$/,
    ],
  ])("for an unknown variable: %s", (source, said) => {
    const { rule, message } = problem(source);
    expect(rule).toBe("unknown_variable");
    expect(message.replace("`message_template`, ", "")).toEqual(typeof said === "string" ? said : expect.stringMatching(said));
  });

  test("unless it is the template's own", () => {
    const source =
      "{% assign a = 1 %}{% capture b %}2{% endcapture %}{% for c in tags %}{{ forloop.index }}{{ c }}{% endfor %}{{ a }}{{ b }}";
    expect(text(source)).toBe("1vip2berlin12");
    expect(problem("{% for c in tags %}{% endfor %}{{ c }}").rule).toBe("unknown_variable");
  });

  test.each([
    ['{% include "/etc/passwd" %}', "{% include %}"],
    ['{% render "x" %}', "{% render %}"],
    ['{% layout "x" %}', "{% layout %}"],
    ["{% block a %}{% endblock %}", "{% block %}"],
    ["{% echo name %}", "{% echo %}"],
    ["{% endfoo %}", "{% endfoo %}"],
  ])("for an unknown tag: %s", (source, tag) => {
    const { rule, message } = problem(source);
    expect(rule).toBe("unknown_tag");
    expect(message).toContain(`\`message_template\`, line 1, column 1: there is no tag ${tag}`);
  });

  test("for an unknown filter", () => {
    expect(problem("Hi {{ name | upcse }}")).toMatchObject({
      rule: "unknown_filter",
      message: '`message_template`, line 1, column 4: there is no filter "upcse": did you mean "upcase"?',
    });
    expect(problem("{{ tags | sample }}").rule).toBe("unknown_filter");
  });

  test.each([
    ["Hi {{name", 'line 1, column 4: "{{name" is not closed: end it with }}.'],
    ["Hi\n{{name}", 'line 2, column 1: "{{name}" is not closed: end it with }}.'],
    ["{% if name", 'line 1, column 1: "{% if name" is not closed: end it with %}.'],
    ["{% if name %}Hi", "line 1, column 1: {% if %} is not ended: put {% endif %} after it."],
    ["{% raw %}Hi", "line 1, column 10: {% raw %} is not ended: put {% endraw %} after it."],
    ["Hi{% endif %}", "line 1, column 3: {% endif %} ends a {% if %} that was not begun."],
    ["{% else %}", "line 1, column 1: {% else %} stands outside of {% if %} and {% case %}."],
    ["{% for tag %}{% endfor %}", 'line 1, column 1: "{% for tag %}" cannot be read here.'],
    ["{% if name = 1 %}{% endif %}", 'line 1, column 13: "1" cannot be read here.'],
    [
      "{{ name | default 'x' }}",
      `line 1, column 19: "'x'" cannot be read here: a variable is written {{ name }}, with a fallback {{ name | default: "friend" }}.`,
    ],
    [
      "{{ }}",
      'line 1, column 4: something is missing here: a variable is written {{ name }}, with a fallback {{ name | default: "friend" }}.',
    ],
  ])("for a mistake in its syntax, saying where: %s", (source, said) => {
    expect(problem(source)).toMatchObject({ rule: "syntax", message: `\`message_template\`, ${said}` });
  });

  test("for having nothing to say, too much to say, or what cannot be stored", () => {
    expect(problem(" \n").rule).toBe("required");
    expect(problem("x".repeat(4_097))).toMatchObject({
      rule: "max_length",
      message: "`message_template` has 4097 characters: keep it to 4096, the most that WhatsApp sends.",
    });
    expect(parseTemplate("x".repeat(4_096)).ok).toBe(true);
    expect(problem("a\0").rule).toBe("text");
  });

  test("or else accepted, and never anything but the two", () => {
    const word = fc.constantFrom(
      "{{",
      "}}",
      "{%",
      "%}",
      "name",
      "tags",
      "if",
      "endif",
      "for",
      "x",
      "in",
      "|",
      "default",
      ":",
      '"',
      ".",
      "-",
      "=",
      "(",
      "[",
      "and",
      "raw",
      " ",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const result = parseTemplate(words.join(""));
        if (result.ok) render(result.template, lead(), NOW);
      }),
      { numRuns: 2_000 },
    );
  });
});

test("a template is parsed once while it is in use, and only so many are remembered", () => {
  const first = templateOf("Hi {{ name }}");
  expect(templateOf("Hi {{ name }}")).toBe(first);
  for (let other = 0; other < 63; other += 1) templateOf(`Hi {{ name }} ${other}`);
  expect(templateOf("Hi {{ name }}")).toBe(first);
  for (let other = 0; other < 64; other += 1) templateOf(`Hello {{ name }} ${other}`);
  expect(templateOf("Hi {{ name }}")).not.toBe(first);
});

test("a remembered template that is refused fails for every lead, with the reason", () => {
  expect(render(templateOf("Hi {{ nmae }}"), lead(), NOW)).toEqual({
    kind: "failed",
    reason: '`message_template`, line 1, column 7: "nmae" is not a variable: did you mean {{ name }}?',
  });
});
