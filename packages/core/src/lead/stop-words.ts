/** Owns which texts are a wish to get no more campaigns, or to get them again, and nothing else. */

export type Wish = "stop" | "start";

/**
 * What counts, by language, in any spelling that `plain` makes the same.
 *
 * A stop only ends campaigns, is shown with the text that said it, and is taken back by a start: a wrong one costs little, a
 * missed one is a message to somebody who asked for none. Even so, no word is here that people answer in ordinary conversation:
 * - "no", "nein", "não", "enough", "basta", "хватит", "그만", "wait", "dur", "alto" (also "tall"), "red" (also a colour), "fin";
 * - "cancel" alone, in any language but English, because it cancels an order or an appointment; with what it ends ("cancelar
 *   suscripción") it counts. In English it counts alone: with STOP, QUIT, END, REVOKE, OPT OUT and UNSUBSCRIBE it is one of the
 *   words that the US rules on calls and texts (47 CFR 64.1200(a)(10)) name as a stop in themselves.
 *
 * A start must not be mistaken at all, since it undoes a stop: "yes" and "ok" answer anything, "alta" also means "high", and
 * "anmelden" or "aanmelden" also signs up for a course.
 */
export const WORDS: Readonly<Record<string, { stop: readonly string[]; start: readonly string[] }>> = {
  english: {
    stop: [
      ...["stop", "stop all", "stopall", "stop it", "unsubscribe", "unsubscribe me", "unsub", "cancel", "end", "quit", "revoke"],
      ...["opt out", "optout", "opt me out", "remove me", "take me off", "take me off your list", "remove me from your list"],
      ...["stop messages", "stop messaging", "stop messaging me", "stop texting", "stop texting me", "stop sending messages"],
      ...["stop sending me messages", "no more messages", "no more texts", "do not contact me", "don't contact me"],
      ...["do not message me", "don't message me", "do not text me", "don't text me", "cancel subscription"],
    ],
    start: ["start", "unstop", "subscribe", "resubscribe", "subscribe me", "opt in", "optin", "opt me in", "start messages"],
  },
  spanish: {
    stop: [
      ...["baja", "dar de baja", "darme de baja", "darse de baja", "dame de baja", "deme de baja", "solicito la baja", "parar"],
      ...["detener", "desuscribir", "desuscribirme", "desuscribirse", "cancelar suscripción", "cancelar la suscripción"],
      ...["anular suscripción", "no más mensajes", "no quiero más mensajes", "no quiero recibir más mensajes"],
      ...["no me escriban más", "no enviar más", "no me envíen más mensajes"],
    ],
    start: ["suscribir", "suscribirme", "suscríbeme", "darme de alta", "dar de alta", "quiero recibir mensajes"],
  },
  portuguese: {
    stop: [
      ...["sair", "sair da lista", "parar", "pare", "descadastrar", "me descadastrar", "descadastre", "descadastro", "remover"],
      ...["remover da lista", "me remova", "me remova da lista", "cancelar inscrição", "cancelar a inscrição"],
      ...["cancelar assinatura", "não quero mais mensagens", "não quero mais receber mensagens"],
      ...["não quero receber mais mensagens", "não enviar mais", "parar mensagens", "pare de enviar mensagens"],
    ],
    start: ["inscrever", "me inscrever", "quero me inscrever", "quero receber mensagens", "voltar a receber"],
  },
  french: {
    stop: [
      ...["arrêt", "arrêter", "arrêtez", "stop sms", "stop pub", "désabonner", "me désabonner", "se désabonner"],
      ...["désabonnez-moi", "désabonnement", "désinscrire", "me désinscrire", "désinscription", "plus de messages"],
      ...["je ne veux plus de messages", "je ne veux plus recevoir de messages", "ne plus recevoir"],
    ],
    start: ["abonner", "m'abonner", "abonnez-moi", "réabonner", "me réabonner", "m'inscrire", "reprendre les messages"],
  },
  german: {
    stop: [
      ...["stopp", "stoppen", "abmelden", "abmeldung", "mich abmelden", "abbestellen", "abbestellung", "austragen"],
      ...["mich austragen", "keine nachrichten mehr", "keine weiteren nachrichten", "keine werbung", "keine werbung mehr"],
      ...["ich möchte keine nachrichten mehr", "newsletter abbestellen"],
    ],
    start: ["abonnieren", "wieder anmelden", "wieder abonnieren", "nachrichten abonnieren"],
  },
  italian: {
    stop: [
      ...[
        "cancellami",
        "cancellatemi",
        "cancella iscrizione",
        "annulla iscrizione",
        "disiscrivi",
        "disiscrivimi",
        "disiscrivermi",
      ],
      ...["disiscrizione", "disiscriviti", "rimuovimi", "rimuovetemi", "basta messaggi", "non voglio più messaggi"],
      ...["non voglio più ricevere messaggi", "fermare", "ferma messaggi"],
    ],
    start: ["iscrivimi", "iscrivetemi", "voglio iscrivermi", "riprendi messaggi", "voglio ricevere messaggi"],
  },
  dutch: {
    stop: [
      ...["stoppen", "afmelden", "afmelding", "mij afmelden", "meld mij af", "uitschrijven", "uitschrijving", "mij uitschrijven"],
      ...["schrijf mij uit", "opzeggen nieuwsbrief", "geen berichten meer", "geen reclame", "geen reclame meer"],
    ],
    start: ["abonneren", "weer aanmelden", "opnieuw aanmelden", "weer berichten ontvangen"],
  },
  polish: {
    stop: [
      ...["wypisz", "wypisz mnie", "wypisuję się", "wypisać", "usuń mnie", "anuluj subskrypcję", "wyłącz wiadomości"],
      ...["rezygnuję z wiadomości", "rezygnuję z subskrypcji", "nie chcę więcej wiadomości", "koniec wiadomości"],
    ],
    start: ["zapisz mnie", "subskrybuj", "subskrybuję", "włącz wiadomości", "chcę wiadomości"],
  },
  turkish: {
    stop: [
      ...["durdur", "ret", "abonelikten çık", "aboneliği iptal et", "abonelik iptal", "abonelik iptali", "listeden çık"],
      ...["listeden çıkar", "beni listeden çıkar", "mesaj istemiyorum", "mesaj almak istemiyorum", "mesaj atmayın"],
    ],
    start: ["başlat", "abone ol", "abone olmak istiyorum", "mesaj almak istiyorum"],
  },
  russian: {
    stop: [
      ...["стоп", "отписаться", "отписать", "отпишите", "отпишите меня", "отпиши меня", "отписка", "отписываюсь", "не пишите"],
      ...["не пишите мне", "не пишите мне больше", "больше не пишите", "прекратите", "прекратить рассылку", "отключить рассылку"],
      ...["отменить подписку", "удалите меня", "удалите мой номер", "без рассылки"],
    ],
    start: ["старт", "подписаться", "подпишите меня", "возобновить подписку", "возобновить рассылку"],
  },
  ukrainian: {
    stop: [
      ...["відписатися", "відписатись", "відписати", "відпишіть", "відпишіть мене", "відписка", "не пишіть", "не пишіть мені"],
      ...["більше не пишіть", "припиніть", "припинити розсилку", "скасувати підписку", "видаліть мене", "видаліть мій номер"],
    ],
    start: ["підписатися", "підписатись", "підпишіть мене", "відновити підписку", "відновити розсилку"],
  },
  arabic: {
    stop: [
      ...["توقف", "توقفوا", "قف", "إيقاف", "أوقف", "أوقفوا", "ستوب", "إلغاء الاشتراك", "الغاء اشتراك", "إلغاء اشتراكي"],
      ...["الغي الاشتراك", "إيقاف الرسائل", "أوقفوا الرسائل", "إلغاء الرسائل", "لا تراسلني", "لا تراسلوني"],
      ...["لا أريد رسائل", "لا أريد المزيد من الرسائل"],
    ],
    start: ["ابدأ", "اشترك", "أريد الاشتراك", "إعادة الاشتراك"],
  },
  hebrew: {
    stop: [
      ...["הסר", "הסרה", "להסרה", "להסיר", "הסר אותי", "הסירו אותי", "תסירו אותי", "עצור", "עצרו", "סטופ", "הפסק", "הפסיקו"],
      ...["תפסיקו", "בטל מנוי", "ביטול מנוי", "ביטול הרשמה", "לא לשלוח יותר", "אל תשלחו לי", "תורידו אותי מהרשימה"],
    ],
    start: ["סטארט", "הרשמה מחדש", "חידוש מנוי", "הצטרפות מחדש", "רוצה לקבל הודעות"],
  },
  hindi: {
    stop: [
      ...["रोकें", "रोको", "स्टॉप", "बंद करें", "बंद करो", "बन्द करें", "बन्द करो", "बंद कर दो", "बंद कीजिए", "संदेश बंद करें"],
      ...["मैसेज बंद करें", "मैसेज बंद करो", "मैसेज मत भेजो", "संदेश न भेजें", "सदस्यता समाप्त करें", "सदस्यता रद्द करें"],
      ...["अनसब्सक्राइब", "अनसब्सक्राइब करें", "band karo", "band karen", "band kare", "message band karo"],
    ],
    start: ["शुरू करें", "शुरू करो", "स्टार्ट", "सदस्यता लें", "सब्सक्राइब", "सब्सक्राइब करें"],
  },
  indonesianAndMalay: {
    stop: [
      ...["berhenti", "henti", "hentikan", "berhenti langganan", "berhenti berlangganan", "berhenti melanggan"],
      ...["batal langganan", "batalkan langganan", "batal langgan", "henti langgan", "hentikan pesan", "hentikan mesej"],
      ...["jangan kirim lagi", "jangan kirim pesan lagi", "jangan hantar lagi", "jangan hantar mesej lagi", "hapus saya"],
    ],
    start: ["mulai", "berlangganan", "langgan", "mulai langganan", "mulai berlangganan"],
  },
  chinese: {
    stop: [
      ...["退订", "退訂", "我要退订", "我要退訂", "取消订阅", "取消訂閱", "退订短信", "停止", "停止发送", "停止發送", "停止接收"],
      ...["不要再发", "不要再发了", "不要再發", "不要再傳", "别再发了", "別再發了", "别发了", "不要发了", "拒收"],
    ],
    start: ["订阅", "訂閱", "重新订阅", "重新訂閱", "恢复订阅", "恢復訂閱"],
  },
  japanese: {
    stop: [
      ...["停止", "配信停止", "配信停止希望", "配信停止お願いします", "配信停止してください", "配信解除", "登録解除", "購読解除"],
      ...["退会", "ストップ", "受信拒否", "送らないでください", "もう送らないでください", "配信不要"],
    ],
    start: ["配信再開", "配信希望", "配信再開希望", "購読再開", "スタート"],
  },
  korean: {
    stop: [
      ...["수신거부", "수신 거부", "무료수신거부", "수신거부합니다", "수신 거부합니다", "구독취소", "구독 취소", "구독해지"],
      ...[
        "구독 해지",
        "중지",
        "정지",
        "스톱",
        "스탑",
        "그만 보내세요",
        "그만보내세요",
        "그만 보내",
        "보내지 마세요",
        "보내지마세요",
      ],
    ],
    start: ["수신동의", "수신 동의", "구독하기", "구독 신청", "다시 구독"],
  },
  others: {
    stop: [
      ...["avsluta", "avregistrera", "avregistrera mig", "avprenumerera", "inga fler meddelanden"], // Swedish
      ...["afmeld", "afmeld mig", "frameld", "avmeld", "meld meg av", "avslutt"], // Danish, Norwegian
      ...["lopeta", "peruuta tilaus", "odhlásit", "odhlásit se", "odhlásiť", "leiratkozás", "leiratkozom"], // Finnish, Czech, Slovak, Hungarian
      ...["dezabonare", "dezabonează-mă", "mă dezabonez", "στοπ", "διαγραφή", "απεγγραφή"], // Romanian, Greek
      ...["لغو اشتراک", "لغو عضویت", "ان سبسکرائب", "বন্ধ করুন", "หยุด", "หยุดส่ง", "ยกเลิกการสมัคร"], // Persian, Urdu, Bengali, Thai
      ...["hủy đăng ký", "huỷ đăng ký", "ngừng gửi", "itigil", "itigil na", "huwag na mag-text"], // Vietnamese, Filipino
    ],
    start: ["prenumerera", "tilmeld igen", "meld meg på igjen", "abonare", "đăng ký lại"],
  },
};

/** What people put before or behind a wish without changing it. */
const COURTESIES: readonly string[] = [
  ...["please", "pls", "plz", "kindly", "thanks", "thank you", "por favor", "gracias", "obrigado", "obrigada", "merci"],
  ...["s'il vous plaît", "s'il te plaît", "svp", "bitte", "danke", "per favore", "grazie", "alstublieft", "alsjeblieft", "graag"],
  ...["proszę", "lütfen", "пожалуйста", "будь ласка", "من فضلك", "لطفا", "בבקשה", "कृपया", "tolong", "mohon"],
];

/** Longer texts say more than a wish; beyond this nothing is looked at. */
const LONGEST_WISH_CHARS = 100;

/** Letters that people write without their stroke or dot, and that Unicode does not take apart. */
const UNDECOMPOSED: Readonly<Record<string, string>> = { ı: "i", ł: "l", đ: "d" };

const WISHES = wishes();
const COURTESY = courtesy();

/**
 * Returns what `text` wishes where it says that and nothing else: one of the words above, whatever its case, accents, width,
 * punctuation and emoji, said once or several times, with a "please" or without. "Please don't stop" says more.
 */
export function wishIn(text: string): Wish | null {
  if (text.length > LONGEST_WISH_CHARS) return null;
  const wish = WISHES.get(saidOnce(plain(text).replaceAll(COURTESY, ""))) ?? null;
  // "Start?" asks. Whoever asks "Stop?" is not written to until they say so.
  return wish === "start" && /[?？؟¿]/.test(text) ? null : wish;
}

/**
 * Returns the words of `text` in one spelling, with one blank between them. Accents go only where people leave them out: in Latin,
 * Greek, Cyrillic, Arabic and Hebrew; in other scripts such marks are letters ("रोको" is "stop", "रुको" is "wait").
 */
function plain(text: string): string {
  return text
    .replaceAll(/\p{Extended_Pictographic}/gu, " ")
    .normalize("NFKD")
    .replaceAll(/[[\p{Mn}&&[\u0300-\u036f\p{scx=Arabic}\p{scx=Hebrew}]]\p{Cf}\p{Variation_Selector}\u0640]/gv, "")
    .toLowerCase()
    .replaceAll(/[ıłđ]/g, (letter) => UNDECOMPOSED[letter] ?? letter)
    .normalize("NFC")
    .replaceAll(/['’‘ʼ`´]/g, "")
    .replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim();
}

/** "Stop stop stop" is "stop". */
function saidOnce(words: string): string {
  const [first = "", ...others] = words.split(" ");
  return others.every((word) => word === first) ? first : words;
}

function wishes(): ReadonlyMap<string, Wish> {
  const known = new Map<string, Wish>();
  for (const { stop, start } of Object.values(WORDS)) {
    for (const words of start) known.set(plain(words), "start");
    for (const words of stop) known.set(plain(words), "stop");
  }
  return known;
}

/** Courtesies in front and behind; Chinese has no blank after its own. */
function courtesy(): RegExp {
  const words = COURTESIES.map(plain).join("|");
  return new RegExp(`^(?:(?:${words}) |[请請])+|(?: (?:${words}))+$`, "gu");
}
