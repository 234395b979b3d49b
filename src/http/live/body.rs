//! A live operation as the body of an answer, piece by piece. It is the connection that asks for each piece, once it has
//! room for it: a body is no task of its own, and one that nobody reads does nothing.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use async_stream::stream;
use axum::body::Body;
use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

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
    mut steps: Steps,
    opening: &'static str,
    words: fn(&Happening) -> String,
) -> Body {
    let pieces = stream! {
        // Held as long as the connection holds the body: whoever stalls has only that one.
        let (_place, _open) = (place, live.open.clone());
        // At once, so that the client sees that it was understood.
        yield Ok::<_, Infallible>(opening.to_owned());
        let ping = live.terms.ping;
        let mut signs = interval_at(Instant::now() + ping, ping);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = pin!(live.end(&reader));
        loop {
            let happening = tokio::select! {
                // Whoever may read no longer is told nothing more, however much has come meanwhile.
                biased;
                end = &mut end => Happening::End(end),
                step = steps.next() => match step {
                    Some(step) => Happening::Step(Box::new(step)),
                    None => Happening::Complete,
                },
                _ = signs.tick() => Happening::Quiet,
            };
            let is_last = matches!(happening, Happening::Complete | Happening::End(_));
            yield Ok(words(&happening));
            if is_last {
                return;
            }
        }
    };
    Body::from_stream(pieces)
}
