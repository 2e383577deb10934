/** Owns where the engines are that a run tests: an engine that is asked for and is not there fails it. */

export const MONGODB = { MONGODB_URL: given("MONGODB_URL") };
export const KAFKA = { KAFKA_BROKERS: given("KAFKA_BROKERS") };

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    throw new Error(`${name} names no server: run \`npm run test:engines\`, which starts one and sets it.`);
  }
  return value;
}
