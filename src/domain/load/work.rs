//! Loads tasks, the notes that wait for one of them, and incidents.

use entity::{incident, note, task};
use sea_orm::{ConnectionTrait, DbErr};

use super::key::{KeySet, texts, uuids};
use crate::domain::bulk::{self, Keys};
use crate::domain::operator;
use crate::domain::state::State;

/// Tasks, by all that can name one.
pub(super) async fn load_tasks(
    connection: &impl ConnectionTrait,
    keys: &mut KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    let ids = uuids(&keys.tasks);
    let codes = texts(&keys.external_identifiers);
    if !ids.is_empty() || !codes.is_empty() {
        // UNION, so that each half uses its own index.
        let either = "id IN (SELECT named.id FROM task named WHERE named.id IN {0} \
                      UNION SELECT joined.id FROM task joined WHERE joined.external_identifier IN {1})";
        for row in bulk::rows::<task::Entity>(
            connection,
            either,
            &[Keys::Uuids(&ids), Keys::Texts(&codes)],
        )
        .await?
        {
            keep_task(keys, state, row);
        }
    }
    if keys.tenants.is_empty() {
        return Ok(());
    }
    let tenants = texts(&keys.tenants);
    let references = texts(&keys.references);
    let pairs = [Keys::Texts(&tenants), Keys::Texts(&references)];
    let unnamed = "NOT is_task_named AND tenant IN {0} AND reference IN {1}";
    for row in bulk::rows::<note::Entity>(connection, unnamed, &pairs).await? {
        keys.asks_by_reference = true;
        if state.notes.get(row.id).is_none() {
            state.load_note(row);
        }
    }
    if keys.asks_by_reference {
        for row in
            bulk::rows::<task::Entity>(connection, "tenant IN {0} AND reference IN {1}", &pairs)
                .await?
        {
            if state.tasks.get(row.id).is_none() {
                keep_task(keys, state, row);
            }
        }
    }
    Ok(())
}

fn keep_task(keys: &mut KeySet, state: &mut State, row: task::Model) {
    keys.incident_codes.extend(row.external_identifier.clone());
    keys.references.extend(row.reference.clone());
    keys.sites.extend(row.site_id.map(|site| site.0));
    state.load_task(row);
}

/// Incidents, by Matrix's TaskId: whether there is one or several of a TaskId decides.
pub(super) async fn load_incidents(
    connection: &impl ConnectionTrait,
    keys: &KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    if keys.incident_codes.is_empty() {
        return Ok(());
    }
    state.sla_rule = operator::sla::rule(connection).await?;
    let codes = texts(&keys.incident_codes);
    for row in
        bulk::rows::<incident::Entity>(connection, "code IN {0}", &[Keys::Texts(&codes)]).await?
    {
        state.load_incident(row);
    }
    Ok(())
}
