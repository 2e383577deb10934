/** Owns what a process leaves open in MongoDB that was killed in the middle of a transaction. */
import { MongoClient } from "mongodb";

/**
 * Ends such transactions, which lock what they have changed. MongoDB does so by itself after a minute
 * (`transactionLifetimeLimitSeconds`), the stand-in SecantusDB only when told: so it is told, and MongoDB is left alone.
 */
export async function endOrphanedTransactions(url: string): Promise<void> {
  const client = new MongoClient(url);
  try {
    const admin = client.db("admin");
    const { secantusVersion } = await admin.command({ buildInfo: 1 });
    // Whoever is alive begins the transaction anew that this ends as well.
    if (secantusVersion !== undefined) await admin.command({ killAllSessions: [] });
  } finally {
    await client.close();
  }
}
