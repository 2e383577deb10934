import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WORDS, wishIn } from "./stop-words.ts";

const all = Object.entries(WORDS).flatMap(([language, { stop, start }]) => [
  ...stop.map((words) => ({ language, words, wish: "stop" as const })),
  ...start.map((words) => ({ language, words, wish: "start" as const })),
]);

describe("a wish", () => {
  test.each([
    "STOP",
    "Stop",
    "STOP!!!",
    " stop. ",
    "«stop»",
    "“STOP”",
    "'stop'",
    "Stop 🛑",
    "🙏🏽 stop 🙏🏽",
    "*STOP*",
    "s\u200btop",
    "\u200fSTOP\u200e",
    "ＳＴＯＰ",
    "𝗦𝗧𝗢𝗣",
    "stop\nstop STOP",
    "Please stop",
    "stop, please!",
    "Stop?",
    "UNSUBSCRIBE",
    "opt-out",
    "OPT_OUT",
    "Cancel",
    "END",
    "quit",
    "Don’t contact me",
    "BAJA",
    "Por favor, darme de baja.",
    "cancelar suscripcion",
    "SAIR",
    "nao quero receber mais mensagens",
    "Arrêt",
    "ARRET",
    "Désabonner, s'il vous plaît",
    "STOPP",
    "Bitte abmelden!",
    "Uitschrijven",
    "Wypisz mnie, proszę",
    "rezygnuje z wiadomosci",
    "ABONELİKTEN ÇIK",
    "abonelikten cik",
    "СТОП",
    "Отпишите меня, пожалуйста",
    "ВІДПИСАТИСЯ",
    "إيقاف",
    "ايقاف",
    "إِيقَاف",
    "إلغـــاء الاشتراك",
    "הסר",
    "הָסֵר",
    "स्टॉप",
    "रोको",
    "BERHENTI",
    "退订",
    "请退订。",
    "退訂",
    "配信停止",
    "ストップ",
    "ｽﾄｯﾌﾟ",
    "수신거부",
    "수신 거부!",
  ])("to stop is %j", (text) => {
    expect(wishIn(text)).toBe("stop");
  });

  test.each(["START", "unstop", "Opt-in", "¡Suscríbeme!", "старт", "重新订阅", "구독하기", "配信再開"])(
    "to start is %j",
    (text) => {
      expect(wishIn(text)).toBe("start");
    },
  );

  test("is every word of every language, in any case, with accents or without", () => {
    const withoutAccents = (text: string) =>
      text
        .normalize("NFD")
        .replaceAll(/[\u0300-\u036f]/g, "")
        .normalize("NFC");
    for (const { language, words, wish } of all) {
      for (const written of [words, words.toUpperCase(), withoutAccents(words), words.normalize("NFD")]) {
        expect(wishIn(written), `${language}: ${written}`).toBe(wish);
      }
    }
  });

  test("is the same within any punctuation, emoji, blanks and quotes", () => {
    const around = fc.string({
      unit: fc.constantFrom(..." .,!;:-_*~()[]\"'“”«»…\n\t", "🛑", "🙏🏽", "👨‍👩‍👧", "❤️", "\u200f"),
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.constantFrom(...all), around, around, ({ words, wish }, before, after) => {
        expect(wishIn(before + words + after)).toBe(wish);
      }),
    );
  });

  test("has one meaning, whatever the language", () => {
    const meanings = Map.groupBy(all, ({ words }) => words.toLowerCase());
    for (const [words, said] of meanings) expect(new Set(said.map(({ wish }) => wish)).size, words).toBe(1);
  });
});

describe("no wish", () => {
  test.each([
    "",
    " ",
    "🛑",
    "👍",
    "?",
    "please",
    "Please don't stop",
    "don't stop",
    "never stop",
    "non stop",
    "stop by tomorrow?",
    "Where is the bus stop",
    "stop start",
    "The end",
    "I want to unsubscribe from the other list but keep this one",
    "unstoppable",
    "no",
    "No!",
    "nein",
    "não",
    "enough",
    "basta",
    "alto",
    "red",
    "fin",
    "cancelar",
    "annuler",
    "iptal",
    "取消",
    "취소",
    "إلغاء",
    "रुको",
    "बंद",
    "dur",
    "yes",
    "ok",
    "sí",
    "alta",
    "anmelden",
    "Start?",
    "¿Start?",
    "when do we start",
    "Thanks!",
    "1",
    "stop".repeat(30),
  ])("is in %j", (text) => {
    expect(wishIn(text)).toBeNull();
  });

  test("is in a text that says anything besides", () => {
    // Words of no language, so that they are no courtesy and part of no phrase.
    const word = fc.string({ unit: fc.constantFrom(..."bcdfghjkq"), minLength: 3, maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...all), word, ({ words }, more) => {
        expect(wishIn(`${more} ${words}`)).toBeNull();
        expect(wishIn(`${words} ${more}`)).toBeNull();
      }),
    );
  });

  test("is looked for in a text that is longer than any wish", () => {
    expect(wishIn(`stop ${"!".repeat(1_000_000)}`)).toBeNull();
  });
});
