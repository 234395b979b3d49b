//! The way in: takes connections, speaks HTTP/1.1 on each, and ends them in time once the server stops. Knows no routes.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::tls::Tls;
use super::told;

/// How long no connection is taken after one could not be: the process has probably run out of file descriptors.
const BACKOFF: Duration = Duration::from_secs(1);

/// How patient the server is with its connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long the head of a call may take to arrive, counted from when the connection is ready for it.
    pub(super) head: Duration,
    /// How long calls in flight may take to end once the server stops.
    pub(super) drain: Duration,
}

/// Serves until `stopping` is over and each connection has ended or was cut off. Dropped, it cuts them off at once;
/// sockets that were upgraded are their handlers' own.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    tls: Option<Tls>,
    stopping: impl Future<Output = ()>,
) {
    let mut door = Door {
        listener,
        shut_until: None,
    };
    let mut stopping = pin!(stopping);
    let (tell, is_stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = &mut stopping => break,
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "a connection's task failed");
            },
            (stream, peer) = door.next() => {
                let (router, is_stopping) = (router.clone(), is_stopping.clone());
                let tls = tls.clone();
                connections.spawn(async move {
                    let Some(tls) = tls else {
                        return converse(stream, peer, router, patience.head, is_stopping).await;
                    };
                    match timeout(patience.head, tls.accept(stream)).await {
                        Ok(Ok(stream)) => converse(stream, peer, router, patience.head, is_stopping).await,
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS came about"),
                        Err(_late) => tracing::debug!(%peer, "a TLS handshake took too long"),
                    }
                });
            }
        }
    }
    // From here on nobody new gets in.
    drop(door);
    tell.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(patience.drain, all_ended).await.is_err() {
        tracing::warn!("calls in flight did not end in time and are cut off");
        connections.shutdown().await;
    }
}

/// The listener, which stays open whatever happens.
struct Door {
    listener: TcpListener,
    shut_until: Option<Instant>,
}

impl Door {
    /// The next connection. Nothing is forgotten when the future is dropped.
    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some(until) = self.shut_until {
                sleep_until(until).await;
            }
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if self.shut_until.take().is_some() {
                        tracing::info!("connections are taken again");
                    }
                    // Answers are written whole: waiting for more to send only delays them.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, %peer, "TCP_NODELAY was refused");
                    }
                    return (stream, peer);
                }
                Err(error) if is_the_callers(&error) => {}
                Err(error) => {
                    let until = Instant::now() + BACKOFF;
                    if self.shut_until.replace(until).is_none() {
                        tracing::error!(%error, "no connection can be taken; it is tried again each second");
                    }
                }
            }
        }
    }
}

/// Whether the caller was gone before it was its turn: nothing is wrong here.
fn is_the_callers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// One connection until it ends; its calls know the `peer` as [`ConnectInfo`]. Any stream will do: what comes out of a
/// handshake is served as plain TCP is.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    head: Duration,
    stopping: watch::Receiver<bool>,
) {
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error = &error as &dyn std::error::Error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_handler_knows_who_calls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let who = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
        let router = Router::new().route("/", get(who));
        let patience = Patience {
            head: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        };
        let (stop, stopping) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, router, patience, None, async {
            let _ = stopping.await;
        }));
        let mut caller = TcpStream::connect(address).await.unwrap();
        let call = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        caller.write_all(call.as_bytes()).await.unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        let me = caller.local_addr().unwrap().to_string();
        assert!(answer.ends_with(&format!("\r\n\r\n{me}")), "{answer}");
        drop(stop);
        serving.await.unwrap();
    }
}
