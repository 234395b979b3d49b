//! Rebuild: the kept calls, folded once more into an empty model beside the present one, and the difference between
//! the two. With a swap the present becomes what was rebuilt.
//!
//! ```text
//!  a view of the present ─► operator's word, kept calls ─► side database ─► compare
//!                                                               │ swap
//!      what came meanwhile, in rounds, while calls are taken ─► side database
//!      the little that came since, under the writer's lock   ─► side database ─► adopt, commit
//! ```

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

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
/// So few calls are left for the time under the lock, unless more come than can be folded in `ROUNDS`.
const LITTLE: usize = 50;
/// How often a swap catches up with what came meanwhile before it makes the writer wait.
const ROUNDS: usize = 10;

/// What a rebuild found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many calls were folded.
    pub folded: usize,
    /// How many kept calls could not be: their bytes are no longer kept.
    pub without_body: i64,
    /// Kept calls whose bytes are not those that came: their hash is another. They were not folded.
    pub damaged: Vec<DeliveryId>,
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
    /// A swap would lose what the bytes that came had told.
    #[error(
        "the kept bytes of {} call(s) have another hash than those that came, the first is {}: a swap would lose what \
         they told. Nothing was changed", .0.len(), .0.first().map(|id| id.0).unwrap_or_default()
    )]
    Damaged(Vec<DeliveryId>),
    /// The operator's word changed while the calls were folded.
    #[error(
        "places, properties or status types were changed meanwhile. Nothing was changed; run it again"
    )]
    OperatorSpoke,
}

/// Folds the kept calls of `database` into `side`, which has to be empty, and compares. With `swap`, adopts the result;
/// `committing` is set before the commit, and from then on nobody can say that nothing was changed.
///
/// # Errors
/// [`RebuildError`]; nothing is changed then, unless `committing` is set.
pub async fn run(
    database: &Database,
    side: &Side,
    clock: &Clock,
    swap: bool,
    committing: &AtomicBool,
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
        damaged: Vec::new(),
    };
    let mut after: Option<Place> = None;
    loop {
        let rows = read::page(&view, &Which::default(), after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some((last.received_at, last.id));
        fold.take(&view, rows).await?;
    }
    let difference = if swap {
        let seen = rebuild::calls(&view).await?;
        view.rollback().await?;
        adopt(database, &mut fold, seen, committing).await?
    } else {
        let difference = rebuild::compare(&view, &side.database.readers, None).await?;
        view.rollback().await?;
        difference
    };
    Ok(Report {
        folded: fold.folded,
        without_body,
        damaged: fold.damaged,
        whole_from,
        difference,
        is_swapped: swap,
    })
}

/// Catches up with what came since the view was taken, while the writer goes on; the writer waits for the last little.
async fn adopt(
    database: &Database,
    fold: &mut Fold<'_>,
    mut seen: Calls,
    committing: &AtomicBool,
) -> Result<Difference, RebuildError> {
    for _ in 0..ROUNDS {
        let view = rebuild::view(database).await?;
        let news = fold.catch_up(&view, &mut seen).await?;
        view.rollback().await?;
        if news <= LITTLE {
            break;
        }
    }
    let present = rebuild::begin(database).await?;
    fold.catch_up(&present, &mut seen).await?;
    if !fold.damaged.is_empty() {
        return Err(RebuildError::Damaged(std::mem::take(&mut fold.damaged)));
    }
    // Retention may have gone on meanwhile.
    if rebuild::whole_from(&present).await?.is_some() {
        return Err(RebuildError::NotWhole);
    }
    let rebuilt = &fold.side.database.readers;
    if !rebuild::same_operator(&present, rebuilt).await? {
        return Err(RebuildError::OperatorSpoke);
    }
    let difference = rebuild::adopt(&present, rebuilt, (fold.clock)()).await?;
    committing.store(true, Ordering::SeqCst);
    present.commit().await?;
    Ok(difference)
}

/// The keys of calls, each with the position of the credential that it counts under.
type Calls = HashMap<Uuid, i32>;

struct Fold<'a> {
    side: &'a Side,
    clock: &'a Clock,
    folded: usize,
    damaged: Vec<DeliveryId>,
}

impl Fold<'_> {
    /// Folds the calls that are not in `seen`, or not under this credential; gives how many there were.
    async fn catch_up(
        &mut self,
        from: &impl ConnectionTrait,
        seen: &mut Calls,
    ) -> Result<usize, RebuildError> {
        let calls = rebuild::calls(from).await?;
        let is_new = |(id, position): &(&Uuid, &i32)| seen.get(*id) != Some(*position);
        let news: Vec<DeliveryId> = calls
            .iter()
            .filter(is_new)
            .map(|(id, _)| DeliveryId(*id))
            .collect();
        *seen = calls;
        let mut rows = Vec::with_capacity(news.len());
        for portion in news.chunks(PAGE as usize) {
            rows.extend(read::by_ids(from, portion).await?);
        }
        rows.sort_unstable_by_key(|row| (row.received_at, row.id));
        self.take(from, rows).await?;
        Ok(news.len())
    }

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
                Some((row.id, receive::again(row, body)))
            });
            // The id holds the hash of the bytes.
            let (sound, damaged): (Vec<_>, Vec<_>) = calls.partition(|(id, call)| call.id == *id);
            let sound: Vec<Delivery> = sound.into_iter().map(|(_, call)| call).collect();
            let damaged: Vec<DeliveryId> = damaged.into_iter().map(|(id, _)| id).collect();
            (sound, damaged)
        });
        let (calls, damaged) = decoding
            .await
            .map_err(|error| DbErr::Custom(format!("a kept call could not be decoded: {error}")))?;
        self.damaged.extend(damaged);
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
