//! The six questions, as a front end would ask them, in the words of each of those who are asked.

pub mod subject;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire;
use subject::Subjects;

/// One of the questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name in the tables.
    pub name: &'static str,
    /// What it asks for.
    pub says: &'static str,
    caretaker: &'static str,
    postgraphile: Option<&'static str>,
}

/// All of them.
pub const QUESTIONS: [Question; 6] = [
    Question {
        name: "Q1",
        says: "a task by id, 8 fields",
        caretaker: include_str!("caretaker/q1.graphql"),
        postgraphile: Some(include_str!("postgraphile/q1.graphql")),
    },
    Question {
        name: "Q2",
        says: "20 buildings, each with 5 zones and its 10 latest incidents with zone",
        caretaker: include_str!("caretaker/q2.graphql"),
        postgraphile: Some(include_str!("postgraphile/q2.graphql")),
    },
    Question {
        name: "Q3",
        says: "100 open HIGH incidents, 10 fields, zone and building",
        caretaker: include_str!("caretaker/q3.graphql"),
        postgraphile: Some(include_str!("postgraphile/q3.graphql")),
    },
    Question {
        name: "Q4",
        says: "a task's timeline, 50 entries of mixed types",
        caretaker: include_str!("caretaker/q4.graphql"),
        postgraphile: Some(include_str!("postgraphile/q4.graphql")),
    },
    Question {
        name: "Q5",
        says: "a building's statistics over a year by month",
        caretaker: include_str!("caretaker/q5.graphql"),
        postgraphile: None,
    },
    Question {
        name: "Q6",
        says: "the second page of Q3",
        caretaker: include_str!("caretaker/q3.graphql"),
        postgraphile: Some(include_str!("postgraphile/q3.graphql")),
    },
];

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// caretaker.
    Caretaker,
    /// PostGraphile 5.
    PostGraphile,
    /// Hand-written SQL and JSON.
    Limit,
}

impl Question {
    /// The requests that ask it of `peer`, one for each subject in turn; none where the peer cannot be asked it.
    pub fn requests(&self, peer: Peer, port: u16, subjects: &Subjects) -> Vec<Vec<u8>> {
        match peer {
            Peer::Caretaker => self.graphql(port, self.caretaker, subjects.caretaker(self.name)),
            Peer::PostGraphile => match self.postgraphile {
                Some(document) => self.graphql(port, document, subjects.postgraphile(self.name)),
                None => Vec::new(),
            },
            Peer::Limit => subjects
                .limit(self.name)
                .into_iter()
                .map(|path| wire::request(port, "GET", &path, &[], ""))
                .collect(),
        }
    }

    fn graphql(&self, port: u16, document: &str, variables: Vec<Value>) -> Vec<Vec<u8>> {
        let headers = [
            ("content-type", "application/json"),
            (
                "accept",
                "application/graphql-response+json, application/json",
            ),
        ];
        let request = |variables| {
            let body = json!({ "query": document, "variables": variables }).to_string();
            wire::request(port, "POST", "/graphql", &headers, &body)
        };
        variables.into_iter().map(request).collect()
    }
}

/// caretaker's global id of a row.
pub fn global(kind: &str, id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{id}"))
}
