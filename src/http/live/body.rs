//! A live operation as the body of an answer, piece by piece. One piece waits for the client; no more is asked for until
//! it is taken.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use futures_util::StreamExt;
use futures_util::stream::{self, unfold};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{End, Live, Step, Steps};
use crate::http::reader::{Place, Reader};

/// What happens in a live answer.
#[derive(Debug)]
pub(in crate::http) enum Happening {
    /// A result.
    Step(Box<Step>),
    /// Nothing for a while: a sign of life.
    Quiet,
    /// The operation is complete: the last that happens.
    Complete,
    /// The connection has to end: the last that happens.
    End(End),
}

/// The body that begins with `opening` and words what happens by `words`. It is written as long as somebody reads it.
pub(in crate::http) fn of(
    live: Arc<Live>,
    reader: Reader,
    place: Place,
    steps: Steps,
    opening: &'static str,
    words: fn(&Happening) -> String,
) -> Body {
    let (out, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let _open = live.open.clone();
        write(&live, &reader, steps, words, &out).await;
    });
    // The place is held as long as the connection holds the body: whoever stalls has only that one.
    let pieces = unfold((pieces, place), |(mut pieces, place)| async move {
        let piece = pieces.recv().await?;
        Some((Ok::<_, Infallible>(piece), (pieces, place)))
    });
    // At once, so that the client sees that it was understood.
    let opening = stream::iter([Ok(opening.to_owned())]);
    Body::from_stream(opening.chain(pieces))
}

async fn write(
    live: &Live,
    reader: &Reader,
    mut steps: Steps,
    words: fn(&Happening) -> String,
    out: &mpsc::Sender<String>,
) {
    let terms = live.terms;
    let mut signs = interval_at(Instant::now() + terms.ping, terms.ping);
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut end = std::pin::pin!(live.end(reader));
    loop {
        let happening = tokio::select! {
            () = out.closed() => return,
            end = &mut end => Happening::End(end),
            step = steps.next() => match step {
                Some(step) => Happening::Step(Box::new(step)),
                None => Happening::Complete,
            },
            _ = signs.tick() => Happening::Quiet,
        };
        let is_last = matches!(happening, Happening::Complete | Happening::End(_));
        let sent = timeout(terms.patience, out.send(words(&happening)));
        match sent.await {
            Ok(Ok(())) if !is_last => {}
            Ok(_) => return,
            Err(_stalled) => {
                return tracing::debug!("a client took too long to take what was sent");
            }
        }
    }
}
