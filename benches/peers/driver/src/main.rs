//! A live feed as one would write it at first: async-graphql-axum's WebSocket, and a broadcast channel that a webhook
//! writes to. Nothing is stored, proven or filtered, and one that falls behind loses what it missed; what is told of an
//! event is in memory already, so that its subscribers are asked for nothing but the frames.

use std::sync::Arc;

use anyhow::Context as _;
use async_graphql::{Context, EmptyMutation, Object, Schema, SimpleObject, Subscription};
use async_graphql_axum::GraphQLSubscription;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// How many events one may be behind before it loses them.
const BUFFER: usize = 4_096;

/// The same as caretaker's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Text = Arc<str>;

#[derive(Clone, SimpleObject)]
struct Event {
    cursor: Text,
    activity: Option<Activity>,
}

#[derive(Clone, SimpleObject)]
struct Activity {
    id: Text,
    kind: Text,
    occurred_at: Text,
    building: Named,
    zone: Named,
    incident: Incident,
    task: Task,
}

#[derive(Clone, SimpleObject)]
struct Named {
    name: Text,
}

#[derive(Clone, SimpleObject)]
struct Incident {
    code: Text,
    name: Text,
    state: Text,
    due_at: Text,
}

#[derive(Clone, SimpleObject)]
struct Task {
    description: Text,
    status: Text,
}

struct Query;

#[Object]
impl Query {
    async fn version(&self) -> &str {
        "0"
    }
}

struct Feed;

#[Subscription]
impl Feed {
    async fn activity<'a>(
        &self,
        context: &Context<'a>,
    ) -> async_graphql::Result<impl Stream<Item = Event> + use<'a>> {
        let events = BroadcastStream::new(context.data::<broadcast::Sender<Event>>()?.subscribe());
        let begin = Event {
            cursor: "0".into(),
            activity: None,
        };
        let news = events.filter_map(async |event| event.ok());
        Ok(stream::iter([begin]).chain(news).boxed())
    }
}

/// `driver PORT`.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args().nth(1).context("the port")?.parse()?;
    let (events, _) = broadcast::channel::<Event>(BUFFER);
    let schema = Schema::build(Query, EmptyMutation, Feed)
        .data(events.clone())
        .finish();
    let router = Router::new()
        .route("/readyz", get(async || "ready"))
        .route("/webhooks/matrix", post(take))
        .with_state(events)
        .route_service("/graphql/ws", GraphQLSubscription::new(schema));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("driver: {error}");
        }
    });
    Ok(axum::serve(listener, router).await?)
}

async fn take(State(events): State<broadcast::Sender<Event>>, body: Bytes) -> StatusCode {
    let Ok(Value::Array(told)) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    for element in &told {
        // Nobody listening is no fault.
        drop(events.send(event(element)));
    }
    StatusCode::OK
}

/// What caretaker's subscribers see of a report, from what the report says.
fn event(element: &Value) -> Event {
    let meta = &element["Meta"];
    let text = |value: &Value| Text::from(value.as_str().unwrap_or_default());
    let code = text(&meta["TaskId"]);
    let name = text(&meta["Name"]);
    Event {
        cursor: Arc::clone(&code),
        activity: Some(Activity {
            id: Arc::clone(&code),
            kind: "INCIDENT_REPORTED".into(),
            occurred_at: text(&element["UnixTime"]),
            building: Named {
                name: text(&element["ID"]),
            },
            zone: Named {
                name: text(&meta["ZoneName"]),
            },
            incident: Incident {
                code,
                name: Arc::clone(&name),
                state: text(&meta["Status"]),
                due_at: text(&element["UnixTime"]),
            },
            task: Task {
                description: text(&element["Description"]),
                status: text(&meta["Status"]),
            },
        }),
    }
}
