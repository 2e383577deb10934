/** Owns a store of Signal keys in memory, for phones and clients alike; only for tests, production code never imports it. */
import type { SignalDataTypeMap, SignalKeyStore } from "baileys";

export function createMemory(): SignalKeyStore {
  const stored = new Map<string, unknown>();
  return {
    get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
      const found: { [id: string]: SignalDataTypeMap[T] } = {};
      for (const id of ids) {
        const value = stored.get(`${type}/${id}`);
        if (value !== undefined && value !== null) found[id] = value as SignalDataTypeMap[T];
      }
      return found;
    },
    set(data) {
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values)) stored.set(`${type}/${id}`, value);
      }
    },
  };
}
