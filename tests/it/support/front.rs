//! What stands before a server that comes and goes: one address for the callers. While the server is away it keeps them
//! waiting; what was under way when the server died breaks off.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A listening front; gone when dropped.
pub struct Front {
    address: SocketAddr,
    server: watch::Sender<Option<SocketAddr>>,
    accepting: JoinHandle<()>,
}

impl Front {
    /// A front with nothing behind it.
    pub async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (server, servers) = watch::channel(None);
        let accepting = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(pass(caller, servers.clone()));
            }
        });
        Ok(Self {
            address,
            server,
            accepting,
        })
    }

    /// `http://127.0.0.1:port`
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on callers get to the server at `base`.
    pub fn lead_to(&self, base: &str) -> anyhow::Result<()> {
        let address = base.strip_prefix("http://").context("no http address")?;
        self.server.send_replace(Some(address.parse()?));
        Ok(())
    }

    /// From now on callers wait.
    pub fn hold(&self) {
        self.server.send_replace(None);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(mut caller: TcpStream, mut servers: watch::Receiver<Option<SocketAddr>>) {
    let Ok(server) = servers
        .wait_for(Option::is_some)
        .await
        .map(|server| *server)
    else {
        return;
    };
    let Some(server) = server else { return };
    if let Ok(mut server) = TcpStream::connect(server).await {
        // Its end is the end of the call, whoever made it.
        let _ = copy_bidirectional(&mut caller, &mut server).await;
    }
}
