//! Rebuild: the kept calls, folded once more into an empty model beside the present one, and the difference between
//! the two. With a swap the present becomes what was rebuilt.
//!
//! ```text
//!  a view of the present ─► operator's word, kept calls ─► side database ─► compare
//!                                                               │ swap: under the writer's lock
//!                                     what came meanwhile ─► side database ─► adopt, commit
//! ```

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{DeliveryId, delivery};
use uuid::Uuid;

use crate::domain::database::Database;
use crate::domain::delivery::read::{self, Place, Which};
use crate::domain::delivery::{Delivery, Occasion};
use crate::domain::rebuild::{self, Difference, Side};
use crate::domain::table::{ConnectionTrait, DbErr};
use crate::domain::writer::{self, Clock};
use crate::ingest::receive;

/// How many deliveries are looked up at once.
const PAGE: u64 = 500;
/// How many bytes of bodies are decoded at once, unless a single delivery has more.
const MOST_BYTES: i64 = 16 * 1024 * 1024;

/// What a rebuild found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many calls were folded.
    pub folded: usize,
    /// How many kept calls could not be: their bytes are no longer kept.
    pub without_body: i64,
    /// From when on raw calls are kept; none when all are. What is older cannot be told again, and differs.
    pub whole_from: Option<DateTime<Utc>>,
    /// What differs.
    pub difference: Difference,
    /// Whether the present model is now the rebuilt one.
    pub is_swapped: bool,
}

/// Why there is no rebuild.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// What a database says.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// The side database did not take a call.
    #[error("the side database does not store: {0}")]
    Side(#[from] writer::Unavailable),
    /// A swap would lose what only pruned calls told.
    #[error(
        "raw calls are no longer kept from the beginning: a swap would lose what only the others told. Nothing was changed"
    )]
    NotWhole,
    /// The operator's word changed while the calls were folded.
    #[error(
        "places, properties or status types were changed meanwhile. Nothing was changed; run it again"
    )]
    OperatorSpoke,
}

/// Folds the kept calls of `database` into `side`, which has to be empty, and compares. With `swap`, adopts the result.
///
/// # Errors
/// [`RebuildError`]; nothing is changed then.
pub async fn run(
    database: &Database,
    side: &Side,
    clock: &Clock,
    swap: bool,
) -> Result<Report, RebuildError> {
    let view = rebuild::view(database).await?;
    let without_body = rebuild::without_body(&view).await?;
    let whole_from = rebuild::whole_from(&view).await?;
    if swap && (without_body > 0 || whole_from.is_some()) {
        return Err(RebuildError::NotWhole);
    }
    rebuild::copy_operator(&view, &side.database, clock()).await?;
    let mut fold = Fold {
        side,
        clock,
        folded: 0,
    };
    let mut after: Option<Place> = None;
    loop {
        let rows = read::page(&view, &Which::default(), after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.received_at, last.id));
        fold.take(&view, rows).await?;
    }
    let mut report = Report {
        folded: 0,
        without_body,
        whole_from,
        difference: Difference::default(),
        is_swapped: false,
    };
    if swap {
        let seen = rebuild::calls(&view).await?;
        view.rollback().await?;
        report.difference = adopt(database, &mut fold, &seen).await?;
        report.is_swapped = true;
    } else {
        report.difference = rebuild::compare(&view, &side.database.readers, None).await?;
        view.rollback().await?;
    }
    report.folded = fold.folded;
    Ok(report)
}

/// What came since the view was taken is folded too, and the writer waits for it: it is little.
async fn adopt(
    database: &Database,
    fold: &mut Fold<'_>,
    seen: &HashMap<Uuid, i32>,
) -> Result<Difference, RebuildError> {
    let present = rebuild::begin(database).await?;
    let calls = rebuild::calls(&present).await?;
    let mut news: Vec<delivery::Model> = Vec::new();
    for (id, _) in calls
        .iter()
        .filter(|(id, position)| seen.get(*id) != Some(*position))
    {
        news.extend(read::by_id(&present, DeliveryId(*id)).await?);
    }
    news.sort_unstable_by_key(|row| (row.received_at, row.id));
    fold.take(&present, news).await?;
    let rebuilt = &fold.side.database.readers;
    if !rebuild::same_operator(&present, rebuilt).await? {
        return Err(RebuildError::OperatorSpoke);
    }
    let difference = rebuild::adopt(&present, rebuilt, (fold.clock)()).await?;
    present.commit().await?;
    Ok(difference)
}

struct Fold<'a> {
    side: &'a Side,
    clock: &'a Clock,
    folded: usize,
}

impl Fold<'_> {
    async fn take(
        &mut self,
        from: &impl ConnectionTrait,
        rows: Vec<delivery::Model>,
    ) -> Result<(), RebuildError> {
        let mut portion: Vec<delivery::Model> = Vec::new();
        let mut bytes = 0;
        for row in rows {
            if bytes + row.size > MOST_BYTES && !portion.is_empty() {
                self.fold(from, std::mem::take(&mut portion)).await?;
                bytes = 0;
            }
            bytes += row.size;
            portion.push(row);
        }
        self.fold(from, portion).await
    }

    async fn fold(
        &mut self,
        from: &impl ConnectionTrait,
        rows: Vec<delivery::Model>,
    ) -> Result<(), RebuildError> {
        if rows.is_empty() {
            return Ok(());
        }
        let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
        let mut bodies: HashMap<DeliveryId, Vec<u8>> = read::bodies(from, &ids)
            .await?
            .into_iter()
            .map(|body| (body.delivery_id, body.body))
            .collect();
        let decoding = tokio::task::spawn_blocking(move || {
            let calls = rows.iter().filter_map(|row| {
                let body = bodies.remove(&row.id)?;
                Some(receive::again(row, body))
            });
            calls.collect::<Vec<Delivery>>()
        });
        let calls = decoding
            .await
            .map_err(|error| DbErr::Custom(format!("a kept call could not be decoded: {error}")))?;
        if calls.is_empty() {
            return Ok(());
        }
        let side = &self.side.database;
        for result in writer::drive(side, &calls, self.clock, Occasion::Rebuild).await {
            result?;
        }
        self.folded += calls.len();
        Ok(())
    }
}
