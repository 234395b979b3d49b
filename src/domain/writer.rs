//! The one logical writer: takes whatever is queued and runs *load → fold → store* in one transaction.
//!
//! ```text
//!  submit ─► bounded queue ─► batch ─► lock ─► load ─► fold ─► store ─► commit ─► receipts, wake the tail
//!                                        └── data error: halves, each loading afresh ── other error: nobody is told yes
//! ```
//! A receipt is given only after the commit. Whatever is not known to be committed is answered as unavailable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::batch;
use super::database::Database;
use super::delivery::{Delivery, Occasion, Receipt};
use super::failure::{self, Failure};
use super::wake::Wake;

/// How many bytes of bodies one transaction takes, unless a single delivery has more.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How many facts one transaction takes, unless a single delivery has more.
const MOST_FACTS: usize = 5_000;
/// For how long, at most, deliveries are waited for while others are there.
const PATIENCE: Duration = Duration::from_millis(10);
/// How often a batch that lost against another transaction is tried again at once.
const RETRIES: u32 = 5;

/// Why a delivery could not be taken in. The platform sends it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// More calls are waiting than the queue holds.
    #[error("too many calls are waiting to be stored")]
    QueueFull,
    /// The database cannot be reached, or it is not known whether the commit went through.
    #[error("the database is away")]
    DatabaseAway,
    /// The server is stopping.
    #[error("the server is stopping")]
    ShuttingDown,
}

/// Tells the time: an argument and not a call, so that tests can choose it.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The limits of a writer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many deliveries may wait.
    pub queue: usize,
    /// How many bytes of bodies may wait.
    pub queue_bytes: usize,
    /// How many deliveries one transaction takes.
    pub batch: usize,
}

struct Job {
    delivery: Delivery,
    room: OwnedSemaphorePermit,
    answer: oneshot::Sender<Result<Receipt, Unavailable>>,
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Job")
            .field("delivery", &self.delivery.id)
            .finish()
    }
}

impl Writer {
    /// Starts the writer. `wake` is signalled after each commit; the task ends once every `Writer` is dropped and the
    /// queue is empty.
    pub fn start(
        database: Database,
        limits: Limits,
        clock: Clock,
        wake: Wake,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(limits.queue.max(1));
        let task = tokio::spawn(run(database, queue, limits.batch.max(1), clock, wake));
        let room = Arc::new(Semaphore::new(kibibytes(limits.queue_bytes) as usize));
        (Self { jobs, room }, task)
    }

    /// Hands a delivery over and waits until it is durable.
    ///
    /// # Errors
    /// [`Unavailable`]: nothing is promised, the caller should send it again.
    pub async fn submit(&self, delivery: Delivery) -> Result<Receipt, Unavailable> {
        let (answer, receipt) = oneshot::channel();
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(kibibytes(delivery.body.len()))
            .map_err(|_| Unavailable::QueueFull)?;
        self.jobs
            .try_send(Job {
                delivery,
                room,
                answer,
            })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Unavailable::QueueFull,
                mpsc::error::TrySendError::Closed(_) => Unavailable::ShuttingDown,
            })?;
        receipt.await.unwrap_or(Err(Unavailable::ShuttingDown))
    }

    /// Whether the writer's task runs.
    pub fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// How many deliveries are waiting.
    pub fn waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }
}

/// Rounded up, so that no delivery is free.
fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX)
}

async fn run(
    database: Database,
    mut queue: mpsc::Receiver<Job>,
    batch: usize,
    clock: Clock,
    wake: Wake,
) {
    let mut jobs = Vec::with_capacity(batch);
    let mut last = Last::default();
    while queue.recv_many(&mut jobs, batch).await > 0 {
        last.gather(&mut queue, &mut jobs, batch).await;
        let mut deliveries = Vec::with_capacity(jobs.len());
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            deliveries.push(job.delivery);
            // The room is given back with the answer.
            answers.push((job.answer, job.room));
        }
        let began = Instant::now();
        let results = drive(&database, &deliveries, &clock, Occasion::Arrival).await;
        // Repeats tell nothing. An unknown outcome may have.
        let is_told = |result: &Result<Receipt, Unavailable>| match result {
            Ok(receipt) => receipt.is_told,
            Err(_) => true,
        };
        if results.iter().any(is_told) {
            wake.committed();
        } else {
            wake.hint();
        }
        tracing::debug!(deliveries = deliveries.len(), waiting = queue.len(), took = ?began.elapsed(), "a batch");
        last = Last {
            ended: Some(Instant::now()),
            took: began.elapsed(),
            callers: deliveries.len() + queue.len(),
        };
        for ((answer, _room), result) in answers.into_iter().zip(results) {
            // A caller that has gone away learns nothing; its delivery is stored all the same.
            drop(answer.send(result));
        }
    }
}

/// The batch before. A transaction costs much the same for one delivery and for ten. Callers that were answered tend to
/// call again at once: without a moment's patience two halves of them take turns, each waiting for the other's
/// transaction; and who calls without waiting for anything would get a transaction each.
#[derive(Default)]
struct Last {
    ended: Option<Instant>,
    took: Duration,
    /// How many called: those who were answered and those who were waiting then.
    callers: usize,
}

impl Last {
    /// Under load, waits until as many have called as before, no longer than the batch before took.
    async fn gather(&self, queue: &mut mpsc::Receiver<Job>, jobs: &mut Vec<Job>, batch: usize) {
        let Some(ended) = self.ended.filter(|ended| ended.elapsed() < PATIENCE) else {
            return;
        };
        let until = ended + self.took.min(PATIENCE);
        let wanted = self.callers.min(batch);
        while jobs.len() < wanted {
            let more = queue.recv_many(jobs, wanted - jobs.len());
            match tokio::time::timeout_at(until.into(), more).await {
                Ok(1..) => {}
                // Nobody calls any more, or the moment is over.
                Ok(0) | Err(_) => return,
            }
        }
    }
}

/// Writes `deliveries` in order; when data of one is refused, halves find it and the others go through.
pub async fn drive(
    database: &Database,
    deliveries: &[Delivery],
    clock: &Clock,
    occasion: Occasion,
) -> Vec<Result<Receipt, Unavailable>> {
    let mut results = Vec::with_capacity(deliveries.len());
    let mut parts = transactions(deliveries);
    while let Some(part) = parts.pop_front() {
        match write_retrying(database, part, clock, occasion).await {
            Ok(receipts) => results.extend(receipts.into_iter().map(Ok)),
            // What only some delivery causes must not cost the others their answer.
            Err(error) if failure::classify(&error) == Failure::Unclear && part.len() > 1 => {
                tracing::warn!(%error, deliveries = part.len(), "a batch failed and is tried in halves");
                let (first, second) = part.split_at(part.len() / 2);
                parts.push_front(second);
                parts.push_front(first);
            }
            Err(error) if failure::classify(&error) == Failure::Data => match part {
                [one] => results.push(quarantine(database, one, &error, clock, occasion).await),
                _ => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push_front(second);
                    parts.push_front(first);
                }
            },
            Err(error) => {
                tracing::error!(%error, deliveries = part.len(), "a batch could not be stored");
                results.extend(part.iter().map(|_| Err(Unavailable::DatabaseAway)));
            }
        }
    }
    results
}

/// Consecutive deliveries that share a transaction.
fn transactions(deliveries: &[Delivery]) -> VecDeque<&[Delivery]> {
    let mut parts = VecDeque::new();
    let (mut start, mut facts, mut bytes) = (0, 0, 0);
    for (index, delivery) in deliveries.iter().enumerate() {
        let (more_facts, more_bytes) = (delivery.content.facts.len(), delivery.body.len());
        let is_full = facts + more_facts > MOST_FACTS || bytes + more_bytes > MOST_BYTES;
        if index > start && is_full {
            parts.push_back(&deliveries[start..index]);
            (start, facts, bytes) = (index, 0, 0);
        }
        facts += more_facts;
        bytes += more_bytes;
    }
    parts.push_back(&deliveries[start..]);
    parts
}

async fn write_retrying(
    database: &Database,
    deliveries: &[Delivery],
    clock: &Clock,
    occasion: Occasion,
) -> Result<Vec<Receipt>, DbErr> {
    retrying(|| batch::write_on(database, deliveries, clock(), occasion)).await
}

/// Runs `transaction` again while it loses against others, a few times.
///
/// # Errors
/// Those of the last attempt.
pub async fn retrying<T, F: Future<Output = Result<T, DbErr>>>(
    transaction: impl Fn() -> F,
) -> Result<T, DbErr> {
    let mut attempt = 0;
    loop {
        match transaction().await {
            Err(error) if attempt < RETRIES && failure::classify(&error) == Failure::Contention => {
                attempt += 1;
                tracing::warn!(%error, attempt, "a transaction lost against another and is tried again");
                tokio::time::sleep(Duration::from_millis(20 * u64::from(attempt))).await;
            }
            result => return result,
        }
    }
}

/// The database refused one delivery's data: its elements are tried one by one, the culprits are quarantined.
async fn quarantine(
    database: &Database,
    delivery: &Delivery,
    error: &DbErr,
    clock: &Clock,
    occasion: Occasion,
) -> Result<Receipt, Unavailable> {
    tracing::error!(%error, delivery = %delivery.id.0, "the database refused a delivery; its elements are tried singly");
    let mut delivery = delivery.clone();
    let mut refused = Vec::new();
    let facts = std::mem::take(&mut delivery.content.facts);
    let mut parts = VecDeque::from([facts.as_slice()]);
    while let Some(part) = parts.pop_front() {
        match retrying(|| batch::try_facts(database, part, clock())).await {
            Ok(()) => delivery.content.facts.extend_from_slice(part),
            Err(error) if failure::classify(&error) == Failure::Data => match part {
                [(element, _)] => {
                    tracing::warn!(%error, element, "an element is quarantined");
                    refused.push(batch::refused(&delivery, *element));
                }
                _ => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push_front(second);
                    parts.push_front(first);
                }
            },
            Err(error) => {
                tracing::error!(%error, "elements could not be tried");
                return Err(Unavailable::DatabaseAway);
            }
        }
    }
    delivery.content.misfits.extend(refused);
    let one = std::slice::from_ref(&delivery);
    let result = match write_retrying(database, one, clock, occasion).await {
        Err(error) if failure::classify(&error) == Failure::Data => {
            // Each element is taken alone but not together: none is lost, all are set apart.
            let facts = std::mem::take(&mut delivery.content.facts);
            let refused = facts
                .iter()
                .map(|(element, _)| batch::refused(&delivery, *element))
                .collect::<Vec<_>>();
            delivery.content.misfits.extend(refused);
            let one = std::slice::from_ref(&delivery);
            write_retrying(database, one, clock, occasion).await
        }
        result => result,
    };
    match result {
        Ok(receipts) => receipts.into_iter().next().ok_or(Unavailable::DatabaseAway),
        Err(error) => {
            tracing::error!(%error, "a quarantined delivery could not be stored");
            Err(Unavailable::DatabaseAway)
        }
    }
}
