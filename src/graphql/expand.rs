//! A filter of the domain, written as a front end would write it: what opens a number is a value of the type of the list's
//! `filter`, to be given back as it is.

use async_graphql::Value as Given;
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::filter::FilterInput;
use super::id::{self, Kind};
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;
use crate::domain::table::IdenStatic;

/// The members of a filter.
pub(super) type Members = Map<String, Value>;

/// The members that ask what `filter` asks; none where the list's filter has no words for it.
pub(super) fn members<F>(filter: &Filter<F::Column>) -> Option<Members>
where
    F: FilterInput<Column: IdenStatic>,
{
    match filter {
        Filter::All(filters) => {
            let mut all = Members::new();
            for filter in filters {
                add(&mut all, members::<F>(filter)?);
            }
            Some(all)
        }
        Filter::Any(filters) => {
            let any = filters
                .iter()
                .map(|filter| members::<F>(filter).map(Value::Object));
            Some(one("or", any.collect()))
        }
        Filter::Is(column, test) => {
            let (name, value) = match test {
                Test::Eq(operand) => ("eq", key::<F>(*column, operand_key(operand)?)?),
                Test::Lt(operand) => ("lt", key::<F>(*column, operand_key(operand)?)?),
                Test::Lte(operand) => ("lte", key::<F>(*column, operand_key(operand)?)?),
                Test::Gt(operand) => ("gt", key::<F>(*column, operand_key(operand)?)?),
                Test::Gte(operand) => ("gte", key::<F>(*column, operand_key(operand)?)?),
                Test::In(keys) => ("in", list::<F>(*column, keys)?),
                Test::IsNull => ("isNull", true.into()),
                Test::StartsWith(start) => ("startsWith", start.as_str().into()),
                Test::IsPositive => return None,
            };
            asked::<F>(*column, name, value)
        }
        // No number asks other rows.
        Filter::Among(_, _) => None,
        Filter::Not(filter) => match &**filter {
            Filter::Is(column, Test::Eq(operand)) => {
                asked::<F>(*column, "neq", key::<F>(*column, operand_key(operand)?)?)
            }
            Filter::Is(column, Test::In(keys)) => {
                asked::<F>(*column, "notIn", list::<F>(*column, keys)?)
            }
            Filter::Is(column, Test::IsNull) => asked::<F>(*column, "isNull", false.into()),
            other => Some(one("not", Some(members::<F>(other)?.into()))),
        },
    }
}

/// Adds members to others, so that all of them hold.
pub(super) fn add(all: &mut Members, more: Members) {
    for (name, value) in more {
        match (all.get_mut(&name), value) {
            (None, value) => {
                all.insert(name, value);
            }
            (Some(Value::Array(known)), Value::Array(new)) if name == "and" => known.extend(new),
            // Two questions to one field are one, unless they are the same question.
            (Some(Value::Object(known)), Value::Object(new))
                if new.keys().all(|name| !known.contains_key(name)) =>
            {
                known.extend(new);
            }
            (Some(_), value) => {
                let and = all.entry("and").or_insert_with(|| json!([]));
                if let Value::Array(and) = and {
                    and.push(json!({ name: value }));
                }
            }
        }
    }
}

/// A value that was given, without the members that ask nothing.
pub(super) fn given(value: Given) -> Value {
    match value {
        Given::Object(members) => {
            let asked = members
                .into_iter()
                .filter(|(_, value)| *value != Given::Null);
            let asked = asked.map(|(name, value)| (name.to_string(), given(value)));
            Value::Object(asked.collect())
        }
        Given::List(values) => values.into_iter().map(given).collect(),
        value => value.into_json().unwrap_or_default(),
    }
}

fn one(name: &str, value: Option<Value>) -> Members {
    value
        .map(|value| (name.to_owned(), value))
        .into_iter()
        .collect()
}

fn asked<F: FilterInput>(column: F::Column, name: &str, value: Value) -> Option<Members> {
    let field = camel(F::field_of(column)?);
    Some(one(&field, Some(json!({ name: value }))))
}

fn camel(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

fn operand_key(operand: &Operand) -> Option<&Key> {
    match operand {
        Operand::Key(key) => Some(key),
        Operand::FromNow(_) => None,
    }
}

fn list<F>(column: F::Column, keys: &[Key]) -> Option<Value>
where
    F: FilterInput<Column: IdenStatic>,
{
    keys.iter().map(|each| key::<F>(column, each)).collect()
}

fn key<F>(column: F::Column, key: &Key) -> Option<Value>
where
    F: FilterInput<Column: IdenStatic>,
{
    Some(match key {
        Key::Bool(value) => (*value).into(),
        Key::Int(value) => (*value).into(),
        Key::Text(text) => text.as_str().into(),
        Key::Time(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
        Key::Id(id) => {
            let kind = Kind::of_column(column.as_str())?;
            id::encode(kind, *id).0.into()
        }
        Key::Null => return None,
    })
}
