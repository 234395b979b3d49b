//! The root of subscriptions. Each event plans and fetches what is selected below it, as a query does.

mod position;
mod state;

use std::time::Duration;

use async_graphql::{Context, ID, Subscription};
use async_stream::stream;
use entity::{activity, building, incident};
use futures_util::stream::{BoxStream, Stream, StreamExt};

use super::by::{IncidentBy, TaskBy};
use super::cursor;
use super::edge_field::one;
use super::error::{ErrorCode, Fault};
use super::filter::{ActivityFilter, FilterInput};
use super::id::{self, Kind};
use super::limits::Limits;
use super::object::{Activity, Building, Incident};
use super::plan::{Loader, Noun, relations};
use super::selection::Selected;
use super::slot::{Answered, Slots};
use super::written::written;
use crate::domain::activity::filter::Filter;
use crate::feed::{self, Event, FeedError, Follow, Tail};

pub use position::Position;

/// The pause before an event that could not be read is tried again.
const BACKOFF: Duration = Duration::from_millis(500);
/// How often in a row a read may take too long.
const SLOW: u32 = 5;

/// One step of a live feed.
#[derive(async_graphql::SimpleObject)]
#[graphql(complex)]
pub struct ActivityEvent {
    /// Where the feed stands: give it as `after` when you come back.
    cursor: String,
    #[graphql(skip)]
    slots: Slots,
}

super::edge::edges!(ActivityEvent, registry => [
    one::<Activity>(registry, "activity", "What happened; null in a heartbeat, which only moves the cursor."),
]);

written!(ActivityEvent { cursor } and slots);

/// What can be followed.
#[derive(Default)]
pub struct Subscription;

/// What can be followed.
#[Subscription]
impl Subscription {
    /// Everything that happens, in the order in which it is recorded: none missing, none twice.
    async fn activity<'ctx>(
        &self,
        context: &'ctx Context<'ctx>,
        #[graphql(
            desc = "Continue after this feed cursor; from now on when not given. It may come from another filter."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Only the activities that fulfil all of this. Relative times count from the start."
        )]
        filter: Option<ActivityFilter>,
    ) -> async_graphql::Result<
        impl Stream<Item = async_graphql::Result<Answered<ActivityEvent>>> + 'ctx,
    > {
        let loader = Loader::of(context)?;
        let filter = filter.map(FilterInput::meaning).transpose()?;
        let filter = Filter::new(loader.scope, filter.unwrap_or_default(), loader.now);
        Ok(follow(context, after, filter).await?)
    }

    /// What happens to one task, in the order in which it is recorded.
    async fn task_timeline<'ctx>(
        &self,
        context: &'ctx Context<'ctx>,
        #[graphql(desc = "Which task; it need not be known yet.")] by: TaskBy,
        #[graphql(desc = "Continue after this feed cursor; from now on when not given.")]
        after: Option<String>,
    ) -> async_graphql::Result<
        impl Stream<Item = async_graphql::Result<Answered<ActivityEvent>>> + 'ctx,
    > {
        let loader = Loader::of(context)?;
        let task = entity::TaskId(by.key()?);
        let filter = Filter::of_task(loader.scope, task, loader.now);
        Ok(follow(context, after, filter).await?)
    }

    /// One incident: first as it stands, then again after each change that shows in what is selected. Several changes
    /// that come close together, or faster than they are taken, are told as one. Silent as long as it is not known; null
    /// when it may not be seen any more, and as it stands should that change.
    async fn incident<'ctx>(
        &self,
        context: &'ctx Context<'ctx>,
        #[graphql(desc = "Which incident; it need not be known yet.")] by: IncidentBy,
    ) -> async_graphql::Result<
        impl Stream<Item = async_graphql::Result<Option<Answered<Incident>>>> + 'ctx,
    > {
        let building = |row: &incident::Model| row.building_id.0;
        Ok(state::follow(context, by.key()?, building)?)
    }

    /// One building with whatever is selected of it: first as it stands, then again after each change that shows in the
    /// selection. Several changes that come close together, or faster than they are taken, are told as one. Silent as
    /// long as it is not known; null when it is no building any more (it was linked to another) or may not be seen any
    /// more, and as it stands should that change. Not told for itself: what changes with the clock alone, such as the time
    /// that is left, and what is selected of other buildings, through `property` or a task's incident elsewhere.
    async fn building_board<'ctx>(
        &self,
        context: &'ctx Context<'ctx>,
        #[graphql(desc = "The global id of the building.")] id: ID,
    ) -> async_graphql::Result<
        impl Stream<Item = async_graphql::Result<Option<Answered<Building>>>> + 'ctx,
    > {
        let key = id::decode_as(Kind::Building, &id)?;
        Ok(state::follow(context, key, |row: &building::Model| {
            row.id.0
        })?)
    }
}

fn tail_of<'a>(context: &Context<'a>) -> Result<&'a Tail, Fault> {
    context
        .data()
        .map_err(|_| Fault::internal("a subscription came without the feed"))
}

/// Follows the feed from a place in it, or from now.
async fn follow<'ctx>(
    context: &'ctx Context<'ctx>,
    after: Option<String>,
    filter: Filter,
) -> Result<impl Stream<Item = async_graphql::Result<Answered<ActivityEvent>>> + 'ctx, Fault> {
    let position: Option<&Position> = context.data_opt();
    let after = match position {
        Some(position) => position.begins(after),
        None => after,
    };
    let after = after.as_deref().map(cursor::decode_feed).transpose()?;
    if let (Some(position), Some(after)) = (position, after) {
        position.stand(after);
    }
    let until = position.and_then(Position::until);
    let tail = tail_of(context)?;
    let loader = Loader::of(context)?;
    let wanted = Follow {
        after,
        until,
        filter,
    };
    let mut patience = Patience::default();
    let events = loop {
        let events = feed::follow(loader.database.clone(), tail.clone(), wanted.clone());
        match events.await.map_err(fault_of) {
            // To clients an operation that ends is over: who subscribes during an outage waits for its end.
            Err(fault) if patience.waits(&fault).await => {}
            events => break events?,
        }
    };
    Ok(told(context, events.boxed()))
}

/// How long a stream waits for a database that does not answer.
#[derive(Debug, Default)]
struct Patience {
    slow: u32,
}

impl Patience {
    /// Whether it is worth another try after this fault, once a while has passed: always while the database is away, and
    /// a few times where it takes too long, since then it may be what is asked for.
    async fn waits(&mut self, fault: &Fault) -> bool {
        let is_slow = fault.code == ErrorCode::LimitExceeded;
        self.slow += u32::from(is_slow);
        let is_worth_it = fault.code == ErrorCode::DatabaseAway || is_slow && self.slow <= SLOW;
        if is_worth_it {
            tokio::time::sleep(BACKOFF).await;
        }
        is_worth_it
    }
}

/// Reads what is selected below each event. While the database is away the event waits: one that was passed over would
/// be missed by a client that goes on with the cursor of the next. Any other fault is told and ends the stream.
fn told<'ctx>(
    context: &'ctx Context<'ctx>,
    mut events: BoxStream<'static, Event>,
) -> impl Stream<Item = async_graphql::Result<Answered<ActivityEvent>>> + 'ctx {
    stream! {
        while let Some(event) = events.next().await {
            let mut patience = Patience::default();
            let told = loop {
                match in_time(context, &event).await {
                    Err(fault) if patience.waits(&fault).await => {}
                    told => break told,
                }
            };
            let is_fault = told.is_err();
            yield told.map_err(Into::into);
            if is_fault {
                return;
            }
        }
        // What fitted up to the end was told.
        if let Some(position) = context.data_opt::<Position>()
            && let Some(until) = position.until()
        {
            position.stand(until);
        }
    }
}

async fn in_time(context: &Context<'_>, event: &Event) -> Result<Answered<ActivityEvent>, Fault> {
    let limits: &Limits = context
        .data()
        .map_err(|_| Fault::internal("a subscription came without its limits"))?;
    tokio::time::timeout(limits.timeout, step(context, event))
        .await
        .unwrap_or_else(|_| Err(limits.too_long()))
}

async fn step(context: &Context<'_>, event: &Event) -> Result<Answered<ActivityEvent>, Fault> {
    let selection = Selected::here(context).selection();
    let mut slots = Slots::default();
    let (seq, row) = match event {
        Event::Activity(row) => (row.seq, Some(row)),
        Event::Heartbeat(seq) => (*seq, None),
        Event::Expired(earliest) => return Err(cursor::expired(*earliest)),
    };
    let loader = Loader::of(context)?;
    for (name, aliases) in relations(&selection, "ActivityEvent") {
        if name != "activity" {
            continue;
        }
        for alias in aliases {
            let rows: Vec<activity::Model> =
                row.map(|row| row.as_ref().clone()).into_iter().collect();
            let objects = Activity::load(&loader, rows, alias.selection()).await?;
            let activity = objects.into_iter().next();
            slots.put(alias.place(), activity.map(|activity| activity as _));
        }
    }
    let told = ActivityEvent {
        cursor: cursor::feed(seq),
        slots,
    };
    let answered = Answered::here(&told, context)?;
    if let Some(position) = context.data_opt::<Position>() {
        position.reach(seq, row.is_none());
    }
    Ok(answered)
}

fn fault_of(error: FeedError) -> Fault {
    match error {
        FeedError::CursorExpired { earliest } => cursor::expired(earliest),
        FeedError::Database(error) => error.into(),
    }
}
