//! Calls that must be taken, and what GraphQL shows after them.

use anyhow::ensure;
use serde_json::{Value, json};

use super::client::{Answer, Call, Client};
use super::payload::{BUILDING, TASK, TENANT, WORK};

impl Client {
    /// Sends a batch of Matrix that must be acknowledged.
    pub async fn push(&self, batch: Value) -> anyhow::Result<()> {
        acknowledged(&self.matrix(batch).await?)
    }

    /// Sends a call of Urgent that must be acknowledged.
    pub async fn tell(&self, call: Call, body: Value) -> anyhow::Result<()> {
        acknowledged(&self.urgent(call, body).await?)
    }

    /// The same, signed at `timestamp`.
    pub async fn tell_at(&self, call: Call, timestamp: &str, body: Value) -> anyhow::Result<()> {
        acknowledged(&self.urgent_at(call, timestamp, body).await?)
    }

    /// What a query without variables shows.
    pub async fn shows(&self, query: &str) -> anyhow::Result<Value> {
        self.graphql(query, json!({})).await
    }

    /// The incident of the payloads.
    pub async fn incident(&self, fields: &str) -> anyhow::Result<Value> {
        let query = format!(
            "query($building: String!, $taskId: String!) {{
                incident(by: {{matrix: {{building: $building, taskId: $taskId}}}}) {{ {fields} }}
            }}"
        );
        let key = json!({ "building": BUILDING, "taskId": WORK });
        Ok(self.graphql(&query, key).await?["incident"].take())
    }

    /// The Urgent task of the payloads.
    pub async fn task(&self, fields: &str) -> anyhow::Result<Value> {
        self.task_of(TENANT, TASK, fields).await
    }

    /// An Urgent task.
    pub async fn task_of(
        &self,
        tenant: &str,
        identifier: &str,
        fields: &str,
    ) -> anyhow::Result<Value> {
        let query = format!(
            "query($tenant: String!, $identifier: String!) {{
                task(by: {{urgent: {{tenant: $tenant, identifier: $identifier}}}}) {{ {fields} }}
            }}"
        );
        let key = json!({ "tenant": tenant, "identifier": identifier });
        Ok(self.graphql(&query, key).await?["task"].take())
    }

    /// The whole feed (up to 100), in its order.
    pub async fn feed(&self, fields: &str) -> anyhow::Result<Vec<Value>> {
        let query = format!("{{ activities(first: 100) {{ nodes {{ {fields} }} }} }}");
        let mut data = self.shows(&query).await?;
        Ok(nodes(data["activities"].take()))
    }

    /// The kinds of the whole feed, in its order.
    pub async fn kinds(&self) -> anyhow::Result<Vec<String>> {
        let feed = self.feed("kind").await?;
        Ok(feed
            .iter()
            .map(|activity| word(&activity["kind"]))
            .collect())
    }

    /// The deliveries, the oldest first.
    pub async fn deliveries(&self, fields: &str) -> anyhow::Result<Vec<Value>> {
        // One request reads at most 20 bodies.
        let first = if fields.contains("body") { 20 } else { 100 };
        let query = format!(
            "{{ deliveries(first: {first}, orderBy: [{{field: RECEIVED_AT, direction: ASC}}]) {{ nodes {{ {fields} }} }} }}"
        );
        let mut data = self.shows(&query).await?;
        Ok(nodes(data["deliveries"].take()))
    }
}

/// The nodes of a connection.
pub fn nodes(mut connection: Value) -> Vec<Value> {
    match connection["nodes"].take() {
        Value::Array(nodes) => nodes,
        other => panic!("no nodes: {other}"),
    }
}

/// One field of each node of a connection, as text.
pub fn words(connection: &Value, field: &str) -> Vec<String> {
    let nodes = nodes(connection.clone());
    nodes.iter().map(|node| word(&node[field])).collect()
}

fn word(value: &Value) -> String {
    value.as_str().map_or(value.to_string(), str::to_owned)
}

/// Exactly what Urgent asks for: 200, an empty body, and `Content-Length: 0`.
pub fn acknowledged(answer: &Answer) -> anyhow::Result<()> {
    ensure!(
        answer.status == 200 && answer.body.is_empty() && answer.header("content-length") == "0",
        "{answer}, Content-Length: {:?}",
        answer.header("content-length")
    );
    Ok(())
}
