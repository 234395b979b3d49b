//! Replay: a kept call is decoded again, as this release reads it, and goes the way of a fresh one: load, fold, store,
//! under the writer's lock. What is known stays as it is, so driving a call again twice is driving it again once.

use entity::{DeliveryId, delivery};

use crate::domain::batch::{self, Again, Known, Rehearsed};
use crate::domain::database::Database;
use crate::domain::delivery::read::{self, Place, Which};
use crate::domain::delivery::{Delivery, Occasion, Receipt};
use crate::domain::failure::{self, Failure};
use crate::domain::table::DbErr;
use crate::domain::wake::Wake;
use crate::domain::writer::{self, Clock};
use crate::ingest::receive;

/// How many deliveries are looked up at once.
const PAGE: u64 = 50;
/// For how many deliveries, and bytes of bodies, a rehearsal holds the writer's lock: calls that arrive wait for it.
const REHEARSED: (usize, i64) = (10, 1024 * 1024);
/// How many are read at once to be driven, one after another. A single delivery may have more bytes.
const DRIVEN: (usize, i64) = (PAGE as usize, 16 * 1024 * 1024);

/// Drives kept calls again.
#[derive(Clone)]
pub struct Replay {
    database: Database,
    clock: Clock,
    /// Signalled after each call that told something new, where a feed runs in this process.
    wake: Option<Wake>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Replay").finish_non_exhaustive()
    }
}

/// What became of one call.
#[derive(Clone, Debug)]
pub struct Report {
    /// The delivery as it was before.
    pub delivery: delivery::Model,
    /// What was found.
    pub verdict: Verdict,
}

/// What was found of a call that was to be driven again.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It was driven again, or would be: with what changes.
    Driven(Again),
    /// The database refuses some of it: those elements are in quarantine now, or would be, the others go through.
    PartlyRefused(Receipt),
    /// It was pruned while it was to be driven again; nothing of it was stored.
    Gone,
    /// Its bytes are no longer kept.
    BodyPruned,
    /// The bytes that are kept are not those that came: their hash is another.
    BodyDamaged,
}

/// Why calls could not be driven again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database could not be asked, or did not store.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// What the database refused could not be set apart.
    #[error("the database does not store now; try again later")]
    Away,
    /// There is no such delivery.
    #[error("there is no delivery {}", .0.0)]
    Unknown(DeliveryId),
    /// What was found could not be told, and nothing more was driven.
    #[error("what was found could not be told")]
    Untold(#[from] std::io::Error),
}

impl Replay {
    /// Replays on `database`.
    pub fn new(database: Database, clock: Clock, wake: Option<Wake>) -> Self {
        Self {
            database,
            clock,
            wake,
        }
    }

    /// Drives one delivery again, or only tells what that would change. None when it is not known.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing is changed then.
    pub async fn one(
        &self,
        id: DeliveryId,
        is_rehearsal: bool,
    ) -> Result<Option<Report>, ReplayError> {
        let Some(row) = read::by_id(&self.database.readers, id).await? else {
            return Ok(None);
        };
        let mut known = is_rehearsal.then(Known::new);
        let reports = self.some(vec![row], known.as_mut()).await?;
        Ok(reports.into_iter().next())
    }

    /// Drives the named deliveries again, in this order, and tells of each.
    ///
    /// # Errors
    /// [`ReplayError`]; what was told is done.
    pub async fn named(
        &self,
        ids: &[DeliveryId],
        is_rehearsal: bool,
        mut tell: impl FnMut(&Report) -> std::io::Result<()>,
    ) -> Result<(), ReplayError> {
        let mut known = is_rehearsal.then(Known::new);
        for id in ids {
            let row = read::by_id(&self.database.readers, *id).await?;
            let row = row.ok_or(ReplayError::Unknown(*id))?;
            for report in self.some(vec![row], known.as_mut()).await? {
                tell(&report)?;
            }
        }
        Ok(())
    }

    /// Drives the deliveries that `which` names again, in the order in which they came first, and tells of each.
    /// A rehearsal takes them ten at a time: what one of them would change, the later ones of the same ten see; what is
    /// news to one is news to none after it.
    ///
    /// # Errors
    /// [`ReplayError`]; what was told is done.
    pub async fn all(
        &self,
        which: &Which,
        is_rehearsal: bool,
        mut tell: impl FnMut(&Report) -> std::io::Result<()>,
    ) -> Result<(), ReplayError> {
        let mut known = is_rehearsal.then(Known::new);
        let mut after: Option<Place> = None;
        loop {
            let rows = read::page(&self.database.readers, which, after, PAGE).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = Some((last.received_at, last.id));
            for rows in portions(rows, is_rehearsal) {
                for report in self.some(rows, known.as_mut()).await? {
                    tell(&report)?;
                }
            }
        }
    }

    /// Only tells what would happen where `known` is given, which has what was found to be news before.
    async fn some(
        &self,
        rows: Vec<delivery::Model>,
        known: Option<&mut Known>,
    ) -> Result<Vec<Report>, ReplayError> {
        let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
        let mut bodies: std::collections::HashMap<DeliveryId, Vec<u8>> =
            read::bodies(&self.database.readers, &ids)
                .await?
                .into_iter()
                .map(|body| (body.delivery_id, body.body))
                .collect();
        let mut ready = Vec::new();
        let mut reports = Vec::with_capacity(rows.len());
        for row in rows {
            let verdict = match bodies.remove(&row.id) {
                None => Some(Verdict::BodyPruned),
                Some(body) => match decode(row.clone(), body).await? {
                    delivery if delivery.id != row.id => Some(Verdict::BodyDamaged),
                    delivery => {
                        ready.push((reports.len(), delivery));
                        None
                    }
                },
            };
            reports.push((row, verdict));
        }
        let (places, deliveries): (Vec<usize>, Vec<Delivery>) = ready.into_iter().unzip();
        let verdicts = match known {
            Some(known) => self.rehearse(&deliveries, known).await?,
            None => {
                let mut verdicts = Vec::with_capacity(deliveries.len());
                for delivery in &deliveries {
                    verdicts.push(self.drive(delivery).await?);
                }
                verdicts
            }
        };
        for (place, verdict) in places.into_iter().zip(verdicts) {
            if let Some((_, slot)) = reports.get_mut(place) {
                *slot = Some(verdict);
            }
        }
        let told = reports.into_iter().filter_map(|(delivery, verdict)| {
            Some(Report {
                delivery,
                verdict: verdict?,
            })
        });
        Ok(told.collect())
    }

    async fn rehearse(
        &self,
        deliveries: &[Delivery],
        known: &mut Known,
    ) -> Result<Vec<Verdict>, ReplayError> {
        let told = {
            let known = &*known;
            writer::retrying(|| batch::rehearse(&self.database, deliveries, known, (self.clock)()))
                .await?
        };
        let mut verdicts = Vec::with_capacity(told.len());
        for told in told {
            if let Rehearsed::Driven(again) | Rehearsed::PartlyRefused(again) = &told {
                known.extend(again.activities.iter().map(|row| row.id));
            }
            verdicts.push(match told {
                Rehearsed::Driven(again) => Verdict::Driven(again),
                Rehearsed::PartlyRefused(again) => Verdict::PartlyRefused(again.receipt),
                Rehearsed::Gone => Verdict::Gone,
            });
        }
        Ok(verdicts)
    }

    async fn drive(&self, delivery: &Delivery) -> Result<Verdict, ReplayError> {
        let driving =
            writer::retrying(|| batch::replay(&self.database, delivery, (self.clock)())).await;
        let verdict = match driving {
            Ok(Some(again)) => Verdict::Driven(again),
            Ok(None) => return Ok(Verdict::Gone),
            Err(error) if failure::classify(&error) == Failure::Data => {
                let one = std::slice::from_ref(delivery);
                let driven = writer::drive(&self.database, one, &self.clock, Occasion::Replay);
                match driven.await.into_iter().next() {
                    Some(Ok(receipt)) => Verdict::PartlyRefused(receipt),
                    _ => return Err(ReplayError::Away),
                }
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(wake) = &self.wake {
            wake.committed();
        }
        Ok(verdict)
    }
}

/// A body may be large: it is decoded off the runtime's own threads.
async fn decode(row: delivery::Model, body: Vec<u8>) -> Result<Delivery, ReplayError> {
    let decoding = tokio::task::spawn_blocking(move || receive::again(&row, body));
    decoding
        .await
        .map_err(|error| DbErr::Custom(format!("a kept call could not be decoded: {error}")).into())
}

/// Rows that are taken together.
fn portions(rows: Vec<delivery::Model>, is_rehearsal: bool) -> Vec<Vec<delivery::Model>> {
    let (most, most_bytes) = if is_rehearsal { REHEARSED } else { DRIVEN };
    let mut portions: Vec<Vec<delivery::Model>> = Vec::new();
    let mut room = 0;
    for row in rows {
        room -= row.size;
        match portions.last_mut() {
            Some(portion) if room >= 0 && portion.len() < most => portion.push(row),
            _ => {
                room = most_bytes - row.size;
                portions.push(vec![row]);
            }
        }
    }
    portions
}
