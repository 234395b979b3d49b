//! Frames: a result → the message of a socket.

use std::hint::black_box;

use anyhow::ensure;
use async_graphql::{Response, Value, value};
use caretaker::http::websocket;

/// The `next` of a subscriber to the feed.
pub(super) fn next(rounds: usize) -> anyhow::Result<()> {
    let activity = value!({
        "cursor": "Zjo5OTk5OTk5", "activity": {
            "id": "QWN0aXZpdHk6MTIzNDU2Nzg5MGFi", "kind": "INCIDENT_REPORTED", "occurredAt": "2025-10-09T08:53:20Z",
            "incident": { "id": "SW5jaWRlbnQ6MTIzNDU2Nzg5MGFi", "name": "Bad smell", "state": "STARTED", "priority": "HIGH" },
            "zone": { "id": "Wm9uZToxMjM0NTY3ODkwYWI=", "name": "Washroom 7" },
        }
    });
    let Value::Object(activity) = activity else {
        anyhow::bail!("an event is an object");
    };
    // What is told is written already when it comes here.
    let json = serde_json::to_vec(&activity)?;
    let whole = format!(
        r#"{{"id":"1","type":"next","payload":{{"data":{{"activity":{}}}}}}}"#,
        serde_json::to_string(&activity)?
    );
    for _ in 0..rounds {
        let data = Value::Object(
            [(
                async_graphql::Name::new("activity"),
                Value::Binary(json.clone().into()),
            )]
            .into_iter()
            .collect(),
        );
        let frame = websocket::next("1", black_box(Response::new(data)));
        ensure!(frame == whole, "{frame}");
    }
    Ok(())
}
