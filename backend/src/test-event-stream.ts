/** Owns a watcher as tests need it: a real connection to GET /api/v1/events that is read event by event. */
import { type ClientRequest, get, type IncomingHttpHeaders, type IncomingMessage } from "node:http";

export interface SeenEvent {
  id: number;
  event: string;
  data: Record<string, unknown>;
}

export interface EventStream {
  status: number;
  headers: IncomingHttpHeaders;
  /** Every event so far, and all that came as it came. */
  events: SeenEvent[];
  text: () => string;
  /** Resolves as soon as `isThere`; rejects where the stream ends before. */
  until: (isThere: () => boolean) => Promise<void>;
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
  close: () => void;
}

/** Connects and resolves when the answer begins. */
export async function openEventStream(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
  const { request, response } = await answerOf(url, headers);
  const events: SeenEvent[] = [];
  let text = "";
  let unread = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    unread += chunk;
    const blocks = unread.split("\n\n");
    unread = blocks.pop() ?? "";
    events.push(...blocks.map(eventIn).filter((event) => event !== null));
  });
  const ended = new Promise<void>((resolve) => {
    response.on("close", resolve).on("error", () => undefined);
  });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    text: () => text,
    ended,
    async until(isThere) {
      let isOver = false;
      void ended.then(() => (isOver = true));
      while (!isThere()) {
        if (isOver) throw new Error(`The stream ended before: ${text.slice(-500)}`);
        await Promise.race([new Promise((resolve) => response.once("data", resolve)), ended]);
      }
    },
    close: () => request.destroy(),
  };
}

function answerOf(url: string, headers: Record<string, string>): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => resolve({ request, response }));
    request.on("error", reject);
  });
}

/** Reads a block of the stream; null where it holds no event. */
function eventIn(block: string): SeenEvent | null {
  const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
  const [event, data] = [fields.get("event"), fields.get("data")];
  if (event === undefined || data === undefined) return null;
  return { id: Number(fields.get("id")), event, data: JSON.parse(data) };
}
