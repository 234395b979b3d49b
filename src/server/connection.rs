//! The way in: takes connections, so many at once, speaks HTTP/1.1 on each, and ends them in time once the server stops.
//! Knows no routes.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::counted::Counted;
use super::tls::Tls;
use super::told;

/// How long no connection is taken after one could not be: the process has probably run out of file descriptors.
const BACKOFF: Duration = Duration::from_secs(1);

/// How many bytes the kernel takes of a connection beyond what is on its way.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MOST_UNSENT: u32 = 64 * 1024;

/// How patient the server is with its connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long the head of a call may take to arrive, counted from when the connection is ready for it.
    pub(super) head: Duration,
    /// How long calls in flight may take to end once the server stops.
    pub(super) drain: Duration,
    /// How long a write may wait for a caller that takes nothing.
    pub(super) write: Duration,
    /// How many connections there may be at once.
    pub(super) most: usize,
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
        patience: patience.write,
        room: Arc::new(Semaphore::new(patience.most.min(Semaphore::MAX_PERMITS))),
        is_full: false,
        times_full: 0,
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
                    // Boxed: every connection would set aside what TLS takes, for as long as it lasts.
                    Box::pin(async move {
                        let shaken = tokio::select! {
                            shaken = timeout(patience.head, tls.accept(stream)) => shaken,
                            // Nothing was asked yet that would have to be answered.
                            () = told(is_stopping.clone()) => return,
                        };
                        match shaken {
                            Ok(Ok(stream)) => converse(stream, peer, router, patience.head, is_stopping).await,
                            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS came about"),
                            Err(_late) => tracing::debug!(%peer, "a TLS handshake took too long"),
                        }
                    })
                    .await;
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
    /// How long a write may wait for a caller.
    patience: Duration,
    /// What is left of the connections that there may be.
    room: Arc<Semaphore>,
    is_full: bool,
    times_full: u64,
    shut_until: Option<Instant>,
}

impl Door {
    /// The next connection. Nothing is forgotten when the future is dropped.
    async fn next(&mut self) -> (Counted<TcpStream>, SocketAddr) {
        loop {
            if let Some(until) = self.shut_until {
                sleep_until(until).await;
            }
            let Some(place) = self.place().await else {
                // The semaphore is never closed.
                std::future::pending().await
            };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if self.shut_until.take().is_some() {
                        tracing::info!("connections are taken again");
                    }
                    // Answers are written whole: waiting for more to send only delays them.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, %peer, "TCP_NODELAY was refused");
                    }
                    hold_little(&stream, peer);
                    return (Counted::new(stream, self.patience, place), peer);
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

    /// Room for one connection more: while there is none, callers wait before the door.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
            self.is_full = false;
            return Some(place);
        }
        if !std::mem::replace(&mut self.is_full, true) {
            self.times_full += 1;
            let times = self.times_full;
            // How often is up to the callers: not a line each time.
            if times.is_power_of_two() {
                let what = "there are as many connections as `max_connections` allows; others wait";
                tracing::warn!(times, "{what}");
            }
        }
        Arc::clone(&self.room).acquire_owned().await.ok()
    }
}

/// The kernel takes little that it cannot send: a caller that stalls costs no more than that, and one that reads slowly is
/// seen to read each time half of it has gone, not only once a third of some megabytes has.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn hold_little(stream: &TcpStream, peer: SocketAddr) {
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(MOST_UNSENT) {
        tracing::debug!(%error, %peer, "TCP_NOTSENT_LOWAT was refused");
    }
}

/// Where the system knows no such limit, its own buffers are what a caller costs.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn hold_little(_: &TcpStream, _: SocketAddr) {}

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
    use axum::extract::Request;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    const CALL: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    /// Serves `router` to so many at once until what is returned is dropped.
    async fn open(
        router: Router,
        most: usize,
    ) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Patience {
            head: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            write: Duration::from_secs(1),
            most,
        };
        let (stop, stopping) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, router, patience, None, async {
            let _ = stopping.await;
        }));
        (address, stop, serving)
    }

    async fn answer(caller: &mut TcpStream) -> String {
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_handler_knows_who_calls() {
        let who = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
        let (address, stop, serving) = open(Router::new().route("/", get(who)), 2).await;
        let mut caller = TcpStream::connect(address).await.unwrap();
        caller.write_all(CALL).await.unwrap();
        let answer = answer(&mut caller).await;
        let me = caller.local_addr().unwrap().to_string();
        assert!(answer.ends_with(&format!("\r\n\r\n{me}")), "{answer}");
        drop(stop);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn beyond_the_most_connections_callers_wait_until_one_has_ended() {
        let router = Router::new().route("/", get(async || "ok"));
        let (address, stop, serving) = open(router, 2).await;
        let idle = TcpStream::connect(address).await.unwrap();
        let other = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(CALL).await.unwrap();
        let mut waiting = Box::pin(answer(&mut third));
        let early = timeout(Duration::from_millis(200), waiting.as_mut()).await;
        assert!(early.is_err(), "{early:?}");
        drop(idle);
        assert!(waiting.await.starts_with("HTTP/1.1 200"));
        drop((other, stop));
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn who_takes_nothing_of_a_long_answer_makes_room_for_others() {
        let long = async || axum::body::Body::from(vec![b'x'; 64 * 1024 * 1024]);
        let router = Router::new()
            .route("/long", get(long))
            .route("/", get(async || "ok"));
        let (address, stop, serving) = open(router, 1).await;
        let mut stalled = TcpStream::connect(address).await.unwrap();
        stalled
            .write_all(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(CALL).await.unwrap();
        assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
        let mut rest = Vec::new();
        // The answer broke off: reading ends before all of it is there.
        let _ = stalled.read_to_end(&mut rest).await;
        assert!(rest.len() < 64 * 1024 * 1024);
        drop(stop);
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_was_upgraded_keeps_its_place() {
        let (took, taken) = oneshot::channel();
        let took = Arc::new(std::sync::Mutex::new(Some(took)));
        let upgrade = move |request: Request| {
            let (upgrade, took) = (hyper::upgrade::on(request), took.lock().unwrap().take());
            tokio::spawn(async move { took.unwrap().send(upgrade.await.unwrap()).ok() });
            async {
                (
                    axum::http::StatusCode::SWITCHING_PROTOCOLS,
                    [("upgrade", "x")],
                )
            }
        };
        let router = Router::new()
            .route("/", get(async || "ok"))
            .route("/up", get(upgrade));
        let (address, stop, serving) = open(router, 1).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        let call = b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
        first.write_all(call).await.unwrap();
        let upgraded = taken.await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(CALL).await.unwrap();
        let mut waiting = Box::pin(answer(&mut second));
        let early = timeout(Duration::from_millis(200), waiting.as_mut()).await;
        assert!(early.is_err(), "{early:?}");
        drop(upgraded);
        assert!(waiting.await.starts_with("HTTP/1.1 200"));
        drop(stop);
        serving.await.unwrap();
    }
}
