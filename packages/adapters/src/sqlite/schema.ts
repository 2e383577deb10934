/** Owns the SQLite schema: its tables, why each index exists, and the migrations that lead to it. */
import type { DatabaseSync } from "node:sqlite";

/**
 * Each entry takes a database from the version of its index to the next one. Entries are never edited once released.
 * Times are epoch milliseconds; `metadata` is JSONB; lists are JSON text beside `lead_contact`, which indexes them.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE lead (
    _id TEXT PRIMARY KEY,
    external_id TEXT,
    name TEXT,
    emails TEXT NOT NULL,
    phones TEXT NOT NULL,
    tags TEXT NOT NULL,
    total_spend REAL,
    visits REAL,
    last_order_at INTEGER,
    timezone TEXT,
    consent TEXT NOT NULL,
    consent_source TEXT,
    consent_at INTEGER,
    metadata BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX lead_external_id ON lead (external_id) WHERE external_id IS NOT NULL;
  CREATE INDEX lead_total_spend ON lead (total_spend);
  CREATE INDEX lead_visits ON lead (visits);
  CREATE INDEX lead_last_order_at ON lead (last_order_at);

  -- Every e-mail address and phone number of every lead: how a lead is recognised, and how rules on lists find their index.
  CREATE TABLE lead_contact (
    kind TEXT NOT NULL, -- email | phone | tag
    value TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    PRIMARY KEY (kind, value, lead_id)
  ) STRICT, WITHOUT ROWID;

  -- One row: how many leads there are, so that a page's total needs no scan.
  CREATE TABLE lead_total (leads INTEGER NOT NULL) STRICT;
  INSERT INTO lead_total VALUES (0);
  CREATE TRIGGER lead_added AFTER INSERT ON lead BEGIN UPDATE lead_total SET leads = leads + 1; END;
  CREATE TRIGGER lead_removed AFTER DELETE ON lead BEGIN UPDATE lead_total SET leads = leads - 1; END;

  CREATE TABLE segment (
    _id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner_user_id TEXT NOT NULL,
    rule_ast TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  `,
];
