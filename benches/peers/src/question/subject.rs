//! What is asked for: a few hundred rows in turn, so that no cache of one row flatters anybody. Found in the tables; only
//! cursors come from those who made them.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Peer, QUESTIONS, global};
use crate::estate::{YEAR_END, YEAR_START};
use crate::place::Place;
use crate::wire::{self, Connection};

const TASKS: &str = "SELECT id FROM task WHERE source = 'URGENT' ORDER BY id LIMIT 300";
const LONG_TASKS: &str = "SELECT t.id FROM task t WHERE t.source = 'URGENT'
    AND (SELECT count(*) FROM activity a WHERE a.task_id = t.id) > 50 ORDER BY t.id LIMIT 300";
const BUILDINGS: &str = "SELECT id FROM building ORDER BY name, id";

/// The rows that are asked for.
pub struct Subjects {
    tasks: Vec<Uuid>,
    long_tasks: Vec<Uuid>,
    buildings: Vec<Uuid>,
    names: Vec<String>,
    pages: Vec<(Peer, Pages)>,
    /// The mark in caretaker's cursors of Q3, and where its second page begins.
    pub mark: String,
    second: (i64, Uuid),
}

/// The cursors of one peer.
#[derive(Clone, Default)]
struct Pages {
    /// After which a page of buildings begins; null is the first.
    buildings: Vec<Value>,
    /// After which the second page of incidents begins.
    second: Value,
}

impl Subjects {
    /// Finds them in the tables, and asks `peers`, who listen on these ports, for their cursors.
    ///
    /// # Errors
    /// When a database or a peer does not answer.
    pub async fn find(place: &Place, peers: &[(Peer, u16)]) -> anyhow::Result<Self> {
        let mut subjects = Self {
            tasks: ids(place, TASKS).await?,
            long_tasks: ids(place, LONG_TASKS).await?,
            buildings: ids(place, BUILDINGS).await?,
            names: Vec::new(),
            pages: Vec::new(),
            mark: String::new(),
            second: (0, Uuid::nil()),
        };
        for (peer, port) in peers {
            let edges = match peer {
                Peer::Caretaker => {
                    "{ list: buildings(first: 50) { edges { cursor node { name } } } }"
                }
                Peer::PostGraphile => {
                    "{ list: allBuildings(first: 50, orderBy: [NAME_ASC, ROW_ID_ASC]) { edges { cursor node { name } } } }"
                }
                Peer::Limit => continue,
            };
            let told = graphql(*port, edges).await?;
            let edges = told["data"]["list"]["edges"].as_array().cloned();
            let edges = edges.with_context(|| told.to_string())?;
            subjects.names = edges
                .iter()
                .filter_map(|edge| Some(edge["node"]["name"].as_str()?.to_owned()))
                .collect();
            let last = edges.len().saturating_sub(20);
            let cursors = edges.iter().take(last).map(|edge| edge["cursor"].clone());
            let mut pages = Pages {
                buildings: std::iter::once(Value::Null).chain(cursors).collect(),
                second: Value::Null,
            };
            subjects.pages.push((*peer, pages.clone()));
            let first = QUESTIONS[2].requests(*peer, *port, &subjects);
            let told = ask(*port, first.first().context("no question")?).await?;
            let told: Value = serde_json::from_slice(&told)?;
            let list = told["data"]
                .as_object()
                .and_then(|data| data.values().next());
            let cursor = list.map(|list| list["pageInfo"]["endCursor"].clone());
            pages.second = cursor.with_context(|| told.to_string())?;
            if *peer == Peer::Caretaker {
                subjects.read(pages.second.as_str().unwrap_or_default())?;
            }
            subjects.pages.pop();
            subjects.pages.push((*peer, pages));
        }
        Ok(subjects)
    }

    /// The limit makes cursors too: it has to know the mark.
    fn read(&mut self, cursor: &str) -> anyhow::Result<()> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor)?)?;
        let content = plain
            .strip_prefix("c1:")
            .context("another kind of cursor")?;
        let content: Value = serde_json::from_str(content)?;
        self.mark = content[0].as_str().context("a mark")?.to_owned();
        let id = content[1][1]["u"].as_str().context("an id")?;
        self.second = (content[1][0]["t"].as_i64().context("a time")?, id.parse()?);
        Ok(())
    }

    fn pages(&self, peer: Peer) -> Pages {
        let found = self.pages.iter().find(|(of, _)| *of == peer);
        found.map(|(_, pages)| pages.clone()).unwrap_or_default()
    }

    pub(super) fn caretaker(&self, question: &str) -> Vec<Value> {
        let pages = self.pages(Peer::Caretaker);
        let task = |id: &Uuid| json!({ "id": global("Task", *id) });
        match question {
            "Q1" => self.tasks.iter().map(task).collect(),
            "Q4" => self.long_tasks.iter().map(task).collect(),
            "Q2" => after(&pages.buildings),
            "Q5" => self
                .buildings
                .iter()
                .map(|id| json!({ "id": global("Building", *id), "from": YEAR_START, "to": YEAR_END }))
                .collect(),
            "Q6" => after(&[pages.second]),
            _ => vec![json!({})],
        }
    }

    pub(super) fn postgraphile(&self, question: &str) -> Vec<Value> {
        let pages = self.pages(Peer::PostGraphile);
        let row = |id: &Uuid| json!({ "id": id });
        match question {
            "Q1" => self.tasks.iter().map(row).collect(),
            "Q4" => self.long_tasks.iter().map(row).collect(),
            "Q5" => self.buildings.iter().map(row).collect(),
            "Q2" => after(&pages.buildings),
            "Q6" => after(&[pages.second]),
            _ => vec![json!({})],
        }
    }

    pub(super) fn limit(&self, question: &str) -> Vec<String> {
        let path = question.to_lowercase();
        let by_id = |ids: &[Uuid]| ids.iter().map(|id| format!("/{path}?id={id}")).collect();
        match question {
            "Q1" => by_id(&self.tasks),
            "Q4" => by_id(&self.long_tasks),
            "Q5" => by_id(&self.buildings),
            "Q2" => {
                let last = self.buildings.len().saturating_sub(20);
                let rows = std::iter::zip(&self.names, &self.buildings).take(last);
                let after = rows
                    .map(|(name, id)| format!("/{path}?name={}&id={id}", name.replace(' ', "%20")));
                std::iter::once(format!("/{path}")).chain(after).collect()
            }
            "Q6" => vec![format!("/{path}?at={}&id={}", self.second.0, self.second.1)],
            _ => vec![format!("/{path}")],
        }
    }
}

fn after(cursors: &[Value]) -> Vec<Value> {
    cursors
        .iter()
        .map(|cursor| json!({ "after": cursor }))
        .collect()
}

async fn ids(place: &Place, statement: &str) -> anyhow::Result<Vec<Uuid>> {
    if let Some(postgres) = &place.postgres {
        let rows = postgres
            .connect(&place.database)
            .await?
            .query(statement, &[])
            .await?;
        return Ok(rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?);
    }
    let file = rusqlite::Connection::open(place.file())?;
    let mut statement = file.prepare(statement)?;
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|bytes| Ok(Uuid::from_slice(&bytes?)?)).collect()
}

/// The body of an answer.
///
/// # Errors
/// When it is not 200.
pub async fn ask(port: u16, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::open(port).await?;
    let answer = connection.ask(request).await?;
    let said = || String::from_utf8_lossy(answer.body).into_owned();
    anyhow::ensure!(answer.status == 200, "{}: {}", answer.status, said());
    Ok(answer.body.to_vec())
}

async fn graphql(port: u16, document: &str) -> anyhow::Result<Value> {
    let body = json!({ "query": document }).to_string();
    let headers = [
        ("content-type", "application/json"),
        (
            "accept",
            "application/graphql-response+json, application/json",
        ),
    ];
    let request = wire::request(port, "POST", "/graphql", &headers, &body);
    Ok(serde_json::from_slice(&ask(port, &request).await?)?)
}
