//! `/graphql/ws`: graphql-transport-ws, to the letter. What is said is in `protocol`, what runs in `operations`, who asks
//! in `seat`; `socket` holds them together. The legacy `graphql-ws` sub-protocol is refused.

mod operations;
mod protocol;
mod seat;
mod socket;

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;

use super::gzip::listed;
use super::header::RequestId;
use super::live::{Live, Step};
use super::reader;
use protocol::{Close, Told};
use socket::{Socket, say_goodbye};

/// What a quiet socket is held with: axum's default of 128 KiB is most of an idle subscriber's memory.
const READ_BUFFER: usize = 4096;

/// `GET /graphql/ws`.
pub(super) fn router(live: Arc<Live>) -> Router {
    Router::new()
        .route("/graphql/ws", get(upgrade))
        .with_state(live)
}

/// The message by which a socket is told a result of the operation `id`; public for who counts what it costs.
#[doc(hidden)]
pub fn next(id: &str, response: async_graphql::Response) -> String {
    let told = Told::Next(id.to_owned(), Step::of(response));
    told.texts().pop().unwrap_or_default()
}

async fn upgrade(
    State(live): State<Arc<Live>>,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    // Browsers cannot send the header with a socket, other clients may; what it says is judged with `connection_init`.
    let shown = reader::in_headers(&headers, query.as_deref(), live.readers.is_open());
    let shown = match shown {
        Ok(token) => token.map(str::to_owned),
        Err(refused) => return reader::refuse(&headers, id, &refused),
    };
    let most = live.terms.message_bytes;
    let upgrade = upgrade
        .protocols([protocol::NAME])
        .read_buffer_size(READ_BUFFER)
        .max_message_size(most)
        .max_frame_size(most);
    let is_spoken = upgrade.selected_protocol().is_some();
    let is_legacy = listed(&headers, SEC_WEBSOCKET_PROTOCOL).any(|name| name == protocol::LEGACY);
    let open = live.open.clone();
    let upgraded = upgrade.on_upgrade(move |socket| async move {
        let (mut out, mut input) = socket.split();
        if is_spoken {
            Socket::new(live, shown).serve(input, out).await;
        } else {
            say_goodbye(&mut input, &mut out, &Close::NotAcceptable(is_legacy)).await;
        }
        drop(open);
    });
    upgraded.into_response()
}
