//! The words by which things are found.
//!
//! The words are split and folded in Rust, so this cannot fill the table for what is stored already: the server does at
//! its next start, as long as the setting `search_words` does not say that it did.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_8_search"
    }
}

const KINDS: [(&str, &str); 4] = [
    ("building", "BUILDING"),
    ("zone", "ZONE"),
    ("incident", "INCIDENT"),
    ("task", "TASK"),
];

const TABLE: &str = "CREATE TABLE search (
        seq {serial},
        id {uuid} NOT NULL UNIQUE,
        kind {text} NOT NULL CHECK (kind IN ('BUILDING', 'ZONE', 'INCIDENT', 'TASK')),
        words {text} NOT NULL
    ) {options}";

/// FTS5's tokenizer `ascii` splits words that consist of letters and digits nowhere, and changes none that is folded.
const SQLITE: [&str; 4] = [
    "CREATE VIRTUAL TABLE search_{table} USING fts5
        (words, content = '', contentless_delete = 1, detail = none, prefix = '2 3', tokenize = 'ascii')",
    "CREATE TRIGGER search_{table}_new AFTER INSERT ON search WHEN new.kind = '{kind}' BEGIN
        INSERT INTO search_{table} (rowid, words) VALUES (new.seq, new.words);
    END",
    "CREATE TRIGGER search_{table}_other AFTER UPDATE OF words ON search
        WHEN new.kind = '{kind}' AND new.words <> old.words BEGIN
        UPDATE search_{table} SET words = new.words WHERE rowid = new.seq;
    END",
    "CREATE TRIGGER search_{table}_gone AFTER DELETE ON search WHEN old.kind = '{kind}' BEGIN
        DELETE FROM search_{table} WHERE rowid = old.seq;
    END",
];

const POSTGRES: [&str; 1] = ["CREATE INDEX search_{table} ON search
        USING gin (array_to_tsvector(string_to_array(words, ' '))) WHERE kind = '{kind}'"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[TABLE]).await?;
        let backend = manager.get_connection().get_database_backend();
        let statements = match backend {
            DbBackend::Sqlite => SQLITE.as_slice(),
            _ => &POSTGRES,
        };
        for (table, kind) in KINDS {
            for statement in statements {
                let sql = statement.replace("{table}", table).replace("{kind}", kind);
                dialect::run(manager, &[sql.as_str()]).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_connection().get_database_backend() == DbBackend::Sqlite {
            for (table, _) in KINDS {
                let drop = format!("DROP TABLE search_{table}");
                dialect::run(manager, &[drop.as_str()]).await?;
            }
        }
        let rest = [
            "DROP TABLE search",
            // Who comes up again finds an empty table, and has to fill it.
            "DELETE FROM setting WHERE name = 'search_words'",
        ];
        dialect::run(manager, &rest).await
    }
}
