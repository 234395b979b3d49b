//! The ways to prove a sender: at which addresses each is taken, and by which word it is known.

use chrono::{DateTime, Utc};

use super::{Basic, Bearer, Hmac, Presented, Refused, Sas, SigV4, Step, basic, bearer, sas, sigv4};

/// Which of the addresses of a source a call came to. Each has its own schemes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// `/webhooks/…`
    #[default]
    Webhook,
    /// `/{hub}/messages`, as Azure Event Hubs has it.
    Hub,
    /// `/topics/{topic}`, as AWS IoT has it.
    Topic,
}

/// One way to prove who sent a call, with all credentials that are valid for it.
#[derive(Debug)]
pub enum Scheme {
    /// HTTP Basic.
    Basic(Basic),
    /// OAuth 2.0 access tokens.
    Bearer(Bearer),
    /// Urgent's signed timestamp.
    Hmac(Hmac),
    /// Azure's shared access signature.
    Sas(Sas),
    /// AWS's Signature Version 4.
    SigV4(SigV4),
}

impl Scheme {
    pub(super) fn target(&self) -> Target {
        match self {
            Self::Basic(_) | Self::Bearer(_) | Self::Hmac(_) => Target::Webhook,
            Self::Sas(_) => Target::Hub,
            Self::SigV4(_) => Target::Topic,
        }
    }

    /// The word that opens the `Authorization` header.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Basic(_) => basic::WORD,
            Self::Bearer(_) => bearer::WORD,
            Self::Hmac(hmac) => &hmac.marker,
            Self::Sas(_) => sas::WORD,
            Self::SigV4(_) => sigv4::WORD,
        }
    }

    /// For `WWW-Authenticate`.
    pub(super) fn challenge(&self) -> String {
        match self {
            Self::Basic(_) => basic::CHALLENGE.to_owned(),
            Self::Bearer(_) => bearer::CHALLENGE.to_owned(),
            Self::Hmac(_) | Self::Sas(_) | Self::SigV4(_) => {
                format!("{} realm=\"caretaker\"", self.word())
            }
        }
    }

    /// The names of the credentials, in the order of the settings.
    pub(super) fn credentials(&self) -> Vec<&str> {
        match self {
            Self::Basic(basic) => basic.names().collect(),
            Self::Bearer(bearer) => bearer.names().collect(),
            Self::Hmac(hmac) => hmac
                .tokens
                .iter()
                .map(|token| token.name.as_str())
                .collect(),
            Self::Sas(sas) => sas.keys.iter().map(|key| key.name.as_str()).collect(),
            Self::SigV4(sigv4) => sigv4.keys.iter().map(|key| key.name.as_str()).collect(),
        }
    }

    pub(super) async fn prove(
        &self,
        call: &Presented<'_>,
        now: DateTime<Utc>,
    ) -> Result<Step, Refused> {
        match self {
            Self::Basic(basic) => basic.prove(call).await.map(Step::Proven),
            Self::Bearer(bearer) => bearer.prove(call, now).await.map(Step::Proven),
            Self::Hmac(hmac) => hmac.prove(call, now).map(Step::Proven),
            Self::Sas(sas) => sas.prove(call, now).map(Step::Proven),
            Self::SigV4(sigv4) => sigv4.prove(call, now).map(Step::AfterBody),
        }
    }
}
