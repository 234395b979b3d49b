//! An outside issuer of access tokens: its keys, and a real server that publishes them, goes away and comes back.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

/// A key that signs tokens.
#[derive(Clone)]
pub struct Signer {
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub key: EncodingKey,
}

impl Signer {
    pub fn rsa(kid: &str) -> Self {
        let pem = include_bytes!("../fixtures/oauth/rsa.pem");
        Self::new(kid, Algorithm::RS256, EncodingKey::from_rsa_pem(pem))
    }

    pub fn ec(kid: &str) -> Self {
        let pem = include_bytes!("../fixtures/oauth/ec.pem");
        Self::new(kid, Algorithm::ES256, EncodingKey::from_ec_pem(pem))
    }

    /// A key of its own for each number.
    pub fn ed(kid: &str, number: u8) -> Self {
        // PKCS #8 of a seed.
        let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let der = [head.as_slice(), &[number; 32]].concat();
        Self::new(kid, Algorithm::EdDSA, Ok(EncodingKey::from_ed_der(&der)))
    }

    fn new(
        kid: &str,
        algorithm: Algorithm,
        key: jsonwebtoken::errors::Result<EncodingKey>,
    ) -> Self {
        Self {
            kid: Some(kid.to_owned()),
            algorithm,
            key: key.unwrap(),
        }
    }

    /// The public half.
    pub fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id.clone_from(&self.kid);
        serde_json::to_value(jwk).unwrap()
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid.clone_from(&self.kid);
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// A token of any header and payload, signed with nothing.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(claims))
}

#[derive(Default)]
struct Published {
    body: String,
    status: u16,
    delay: Duration,
    fetches: usize,
}

/// A server that publishes keys.
pub struct IssuerServer {
    pub address: SocketAddr,
    published: Arc<Mutex<Published>>,
    serving: Option<JoinHandle<()>>,
}

impl IssuerServer {
    /// One that publishes the keys of `signers`.
    pub async fn start(signers: &[&Signer]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut server = Self {
            address: listener.local_addr()?,
            published: Arc::default(),
            serving: None,
        };
        server.publish(signers);
        server.serve(listener);
        Ok(server)
    }

    fn serve(&mut self, listener: TcpListener) {
        let answer = async |State(published): State<Arc<Mutex<Published>>>| {
            let (status, body, delay) = {
                let mut published = published.lock().unwrap();
                published.fetches += 1;
                let status = StatusCode::from_u16(published.status).unwrap();
                (status, published.body.clone(), published.delay)
            };
            tokio::time::sleep(delay).await;
            (status, body)
        };
        let router = Router::new()
            .route("/keys", get(answer))
            .with_state(Arc::clone(&self.published));
        self.serving = Some(tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        }));
    }

    /// `jwks_url`
    pub fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    pub fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.say(200, json!({ "keys": keys }).to_string());
    }

    /// Answers with this from now on.
    pub fn say(&self, status: u16, body: String) {
        let mut published = self.published.lock().unwrap();
        (published.status, published.body) = (status, body);
    }

    /// Answers that late from now on.
    pub fn dawdle(&self, delay: Duration) {
        self.published.lock().unwrap().delay = delay;
    }

    /// How often it was asked.
    pub fn fetches(&self) -> usize {
        self.published.lock().unwrap().fetches
    }

    /// Stops listening: connections are refused.
    pub async fn go_away(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// Listens at the same address again.
    pub fn come_back(&mut self) -> anyhow::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        self.serve(socket.listen(64)?);
        Ok(())
    }
}
