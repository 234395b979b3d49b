//! The six answers, written row by row in the order in which the rows come; the same for both databases.

use uuid::Uuid;

use super::json::{Json, Moment};

/// An incident with its zone and building, as Q3 and Q6 ask for it.
pub struct Incident<'a> {
    pub id: Uuid,
    pub code: &'a str,
    pub name: Option<&'a str>,
    pub description: Option<&'a str>,
    pub kind: Option<&'a str>,
    pub priority: &'a str,
    pub state: &'a str,
    pub reported_at: Moment<'a>,
    pub due_at: Option<Moment<'a>>,
    pub escalation_level: i64,
    pub zone: Option<(Uuid, Option<&'a str>)>,
    pub building: (Uuid, &'a str),
}

/// One node of Q3 and Q6.
pub fn incident(json: &mut Json, row: &Incident) {
    json.comma().raw("{\"id\":").id("Incident", row.id);
    json.raw(",\"code\":").text(row.code);
    json.raw(",\"name\":").maybe(row.name);
    json.raw(",\"description\":").maybe(row.description);
    json.raw(",\"kind\":").maybe(row.kind);
    json.raw(",\"priority\":").text(row.priority);
    json.raw(",\"state\":").text(row.state);
    json.raw(",\"reportedAt\":").moment(row.reported_at);
    json.raw(",\"dueAt\":").maybe_moment(row.due_at);
    json.raw(",\"escalationLevel\":")
        .number(row.escalation_level);
    zone(json.raw(",\"zone\":"), row.zone);
    json.raw(",\"building\":{\"id\":")
        .id("Building", row.building.0);
    json.raw(",\"name\":").text(row.building.1).raw("}}");
}

/// The zone of an incident, or null.
pub fn zone(json: &mut Json, zone: Option<(Uuid, Option<&str>)>) {
    match zone {
        Some((id, name)) => {
            json.raw("{\"id\":").id("Zone", id);
            json.raw(",\"name\":").maybe(name).raw("}");
        }
        None => {
            json.raw("null");
        }
    }
}

/// The task of Q1.
pub struct Task<'a> {
    pub id: Uuid,
    pub reference: Option<&'a str>,
    pub status: Option<&'a str>,
    pub status_at: Option<Moment<'a>>,
    pub supplier: Option<&'a str>,
    pub description: Option<&'a str>,
    pub reported_at: Moment<'a>,
    pub chase_count: i64,
}

/// The answer to Q1.
pub fn task(row: &Task) -> String {
    let mut json = Json::new("{\"data\":{\"task\":{\"id\":");
    json.id("Task", row.id);
    json.raw(",\"reference\":").maybe(row.reference);
    json.raw(",\"status\":").maybe(row.status);
    json.raw(",\"statusAt\":").maybe_moment(row.status_at);
    json.raw(",\"supplier\":").maybe(row.supplier);
    json.raw(",\"description\":").maybe(row.description);
    json.raw(",\"reportedAt\":").moment(row.reported_at);
    json.raw(",\"chaseCount\":")
        .number(row.chase_count)
        .raw("}}}");
    json.0
}

/// An incident below its building, as Q2 asks for it.
pub struct Latest<'a> {
    pub id: Uuid,
    pub name: Option<&'a str>,
    pub state: &'a str,
    pub reported_at: Moment<'a>,
    pub zone: Option<(Uuid, Option<&'a str>)>,
}

/// One of the latest incidents of a building in Q2.
pub fn latest(json: &mut Json, row: &Latest) {
    json.comma().raw("{\"id\":").id("Incident", row.id);
    json.raw(",\"name\":").maybe(row.name);
    json.raw(",\"state\":").text(row.state);
    json.raw(",\"reportedAt\":").moment(row.reported_at);
    zone(json.raw(",\"zone\":"), row.zone);
    json.raw("}");
}

/// An activity of Q4 with what it tells.
pub struct Activity<'a> {
    pub id: Uuid,
    pub kind: &'a str,
    pub occurred_at: Moment<'a>,
    pub recorded_at: Moment<'a>,
    pub late: bool,
    pub status_change: Option<(Uuid, &'a str, Option<&'a str>)>,
    pub note: Option<(Uuid, &'a str)>,
    pub chase: Option<(Uuid, &'a str)>,
}

/// One node of Q4.
pub fn activity(json: &mut Json, row: &Activity) {
    json.comma().raw("{\"__typename\":\"");
    for word in row.kind.split('_') {
        let (first, rest) = word.split_at(1);
        json.raw(first);
        rest.chars()
            .for_each(|letter| json.0.push(letter.to_ascii_lowercase()));
    }
    json.raw("\",\"id\":").id("Activity", row.id);
    json.raw(",\"kind\":").text(row.kind);
    json.raw(",\"occurredAt\":").moment(row.occurred_at);
    json.raw(",\"recordedAt\":").moment(row.recorded_at);
    json.raw(",\"late\":").bool(row.late);
    if let Some((id, status, note)) = row.status_change {
        json.raw(",\"statusChange\":{\"id\":")
            .id("StatusChange", id);
        json.raw(",\"status\":").text(status);
        json.raw(",\"note\":").maybe(note).raw("}");
    }
    for (name, kind, act) in [("note", "Note", row.note), ("chase", "Chase", row.chase)] {
        if let Some((id, text)) = act {
            json.raw(",\"").raw(name).raw("\":{\"id\":").id(kind, id);
            json.raw(",\"text\":").text(text).raw("}");
        }
    }
    json.raw("}");
}

/// A month of Q5.
#[derive(Default)]
pub struct Month {
    pub reported: i64,
    pub completed: i64,
    pub open: i64,
    pub response: Length,
    pub resolution: Length,
}

/// How long something took.
#[derive(Default)]
pub struct Length {
    pub count: i64,
    pub sum: i64,
    pub median: Option<i64>,
    pub p90: Option<i64>,
}

/// One bucket of Q5.
pub fn month(json: &mut Json, start: &str, row: &Month) {
    json.comma().raw("{\"start\":").text(start);
    json.raw(",\"reported\":{\"count\":").number(row.reported);
    json.raw("},\"completed\":{\"count\":")
        .number(row.completed);
    json.raw("},\"open\":{\"count\":").number(row.open).raw("}");
    for (name, length) in [
        ("responseSeconds", &row.response),
        ("resolutionSeconds", &row.resolution),
    ] {
        json.raw(",\"")
            .raw(name)
            .raw("\":{\"count\":")
            .number(length.count);
        json.raw(",\"average\":");
        match length.count {
            0 => json.raw("null"),
            count => {
                let average = serde_json::Number::from_f64(length.sum as f64 / count as f64);
                json.raw(&average.map_or_else(|| "null".into(), |average| average.to_string()))
            }
        };
        for (name, value) in [(",\"median\":", length.median), (",\"p90\":", length.p90)] {
            json.raw(name);
            match value {
                Some(value) => json.number(value),
                None => json.raw("null"),
            };
        }
        json.raw("}");
    }
    json.raw("}");
}
