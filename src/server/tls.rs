//! TLS for the way in: certificate and key from two files, taken over again when they change. A pair that does not fit
//! leaves the last good one in place.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Tls as Files;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What handshakes are made with: the last pair that was good.
#[derive(Clone)]
pub(super) struct Tls(watch::Receiver<Arc<ServerConfig>>);

impl Tls {
    /// Reads the files. The second value keeps looking at them until it is dropped or aborted.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate or key, or the two do not belong together.
    pub(super) fn start(files: Files) -> anyhow::Result<(Self, impl Future<Output = ()> + use<>)> {
        let seen = changed_at(&files);
        let (sender, receiver) = watch::channel(Arc::new(read(&files)?));
        Ok((Self(receiver), reload(files, seen, sender)))
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// The caller speaks no TLS, or none that is safe.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> std::io::Result<TlsStream<S>> {
        let config = Arc::clone(&self.0.borrow());
        TlsAcceptor::from(config).accept(stream).await
    }
}

async fn reload(files: Files, mut seen: Stamp, sender: watch::Sender<Arc<ServerConfig>>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let now = changed_at(&files);
        if now == seen {
            continue;
        }
        seen = now;
        match read(&files) {
            Ok(config) => {
                sender.send_replace(Arc::new(config));
                tracing::info!(cert = %files.cert.display(), "the certificate was taken over");
            }
            // The one file may be written before the other: the next change is looked at again.
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "the certificate is left as it was"
            ),
        }
    }
}

type Stamp = [Option<SystemTime>; 2];

fn changed_at(files: &Files) -> Stamp {
    [&files.cert, &files.key].map(|path| path.metadata().ok()?.modified().ok())
}

fn read(files: &Files) -> anyhow::Result<ServerConfig> {
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("{}: no private key in PEM", files.key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| {
            let (cert, key) = (files.cert.display(), files.key.display());
            format!("{cert} and {key} do not belong together or cannot be used")
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let told = || path.display().to_string();
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(told)?
        .collect::<Result<_, _>>()
        .with_context(told)?;
    if chain.is_empty() {
        bail!("{}: no certificate in PEM", path.display());
    }
    Ok(chain)
}
