//! What holds after a decision on places; pure.
//!
//! Each site has at most one link, and each link one declarer. The settings go first: a site that they name is linked as
//! they say, and a mutation adds what they do not name. An import replaces the links of the settings only; it takes over
//! a site that the settings have begun to name, and leaves all others to the operator.

use std::collections::BTreeSet;

use entity::{Declarer, SiteId, Source, place_link};

use super::{Links, says};
use crate::domain::id::{self, SiteKey};

/// The links that say what the settings declare; of a site in several places the last says where it stands.
pub fn declared(places: &[(String, Vec<SiteKey>)], version: i64) -> Links {
    let mut links = Links::new();
    for (name, sites) in places {
        let Some(root) = sites.first() else { continue };
        for site in sites {
            let link = link(site, root, Some(name), version, Declarer::Settings);
            links.insert(site.clone(), link);
        }
    }
    links
}

fn link(
    site: &SiteKey,
    root: &SiteKey,
    name: Option<&str>,
    version: i64,
    declared_by: Declarer,
) -> place_link::Model {
    place_link::Model {
        id: id::place_link(site),
        site_id: site.id(),
        root_site_id: root.id(),
        name: name.map(str::to_owned),
        version,
        declared_by,
    }
}

/// The version of the next decision.
fn next_version(held: &Links) -> i64 {
    held.values().map(|link| link.version).max().unwrap_or(0) + 1
}

/// What holds once the settings were read again: their links, and the operator's on sites that they do not name.
pub(in crate::domain::operator) fn imported(
    held: &Links,
    places: &[(String, Vec<SiteKey>)],
) -> Links {
    let version = next_version(held);
    let mut wanted = declared(places, version);
    for (site, link) in held {
        if link.declared_by == Declarer::Operator && !wanted.contains_key(site) {
            wanted.insert(site.clone(), link.clone());
        }
    }
    root_all(held, &mut wanted, version);
    wanted
}

/// A root that the settings name no more stays the root of what the operator linked to it.
fn root_all(held: &Links, wanted: &mut Links, version: i64) {
    let known: BTreeSet<SiteId> = wanted.values().map(|link| link.site_id).collect();
    let missing: BTreeSet<SiteId> = wanted
        .values()
        .map(|link| link.root_site_id)
        .filter(|root| !known.contains(root))
        .collect();
    for (site, _) in held.iter().filter(|(site, _)| missing.contains(&site.id())) {
        let root = link(site, site, None, version, Declarer::Operator);
        wanted.insert(site.clone(), root);
    }
}

/// What holds once `places` are declared one building, called `name` where one is given, and which of them leads.
///
/// # Errors
/// In plain words, where the settings say otherwise.
pub(in crate::domain::operator) fn joined(
    held: &Links,
    places: &[SiteKey],
    name: Option<&str>,
) -> Result<(Links, SiteKey), String> {
    let mut roots: Vec<SiteKey> = Vec::new();
    for place in places {
        let root = root_of(held, place);
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    let mut settled = roots.iter().filter(|root| is_settled(held, root));
    let root = match (settled.next(), settled.next()) {
        (Some(one), Some(other)) => {
            return Err(format!(
                "the settings declare {} and {} to be different places: change `[[places]]` there",
                words(one),
                words(other)
            ));
        }
        (Some(root), None) => root,
        // Of a place the Matrix building leads, as in the settings; then whichever was named first.
        (None, _) => roots
            .iter()
            .chain(places)
            .find(|key| key.source == Source::Matrix)
            .or(roots.first())
            .ok_or("no place was given")?,
    };
    let held_name = |key: &SiteKey| held.get(key).and_then(|link| link.name.clone());
    let named = held_name(root);
    if let (true, Some(name)) = (is_settled(held, root), name)
        && named.as_deref() != Some(name)
    {
        return Err(format!(
            "the settings name {}: change its name in `[[places]]` there",
            words(root)
        ));
    }
    let name = name
        .map(str::to_owned)
        .or(named)
        .or_else(|| roots.iter().find_map(held_name));
    let version = next_version(held);
    let mut wanted = held.clone();
    let members = held
        .keys()
        .filter(|key| roots.contains(&root_of(held, key)));
    let members: BTreeSet<&SiteKey> = members.chain(places).chain([root]).collect();
    for member in members {
        if !is_settled(held, member) {
            let link = link(member, root, name.as_deref(), version, Declarer::Operator);
            wanted.insert(member.clone(), link);
        }
    }
    keep_versions(held, &mut wanted);
    Ok((wanted, root.clone()))
}

/// What holds once `places` are taken out of what an operator linked them to. What is left of a place stays together.
///
/// # Errors
/// In plain words, where the settings name one of them.
pub(in crate::domain::operator) fn parted(
    held: &Links,
    places: &[SiteKey],
) -> Result<Links, String> {
    if let Some(place) = places.iter().find(|place| is_settled(held, place)) {
        return Err(format!(
            "the settings name {}: take it out of `[[places]]` there; where no place is left, `places = []` says so",
            words(place)
        ));
    }
    let version = next_version(held);
    let mut wanted = held.clone();
    for place in places {
        if wanted.remove(place).is_none() {
            continue;
        }
        let rest: Vec<SiteKey> = wanted
            .iter()
            .filter(|(_, link)| link.root_site_id == place.id())
            .map(|(key, _)| key.clone())
            .collect();
        let matrix = rest.iter().find(|key| key.source == Source::Matrix);
        // The name was that of the place with its root.
        if let Some(root) = matrix.or(rest.first()) {
            for key in &rest {
                let link = link(key, root, None, version, Declarer::Operator);
                wanted.insert(key.clone(), link);
            }
        }
    }
    let alone: Vec<SiteKey> = wanted
        .iter()
        .filter(|(key, link)| {
            let is_leading = wanted
                .values()
                .any(|other| other.root_site_id == link.site_id && other.site_id != link.site_id);
            link.declared_by == Declarer::Operator
                && link.root_site_id == key.id()
                && link.name.is_none()
                && !is_leading
        })
        .map(|(key, _)| key.clone())
        .collect();
    wanted.retain(|key, _| !alone.contains(key));
    keep_versions(held, &mut wanted);
    Ok(wanted)
}

/// The site that leads the place that `key` is linked to; itself where it is linked to none.
fn root_of(held: &Links, key: &SiteKey) -> SiteKey {
    let mut current = key;
    // A link may lead to one that leads on, never around: a root that is taken over stays a root.
    for _ in 0..held.len() {
        let Some(link) = held.get(current) else { break };
        let above = held
            .iter()
            .find(|(_, other)| other.site_id == link.root_site_id);
        match above {
            Some((above, _)) if above != current => current = above,
            _ => break,
        }
    }
    current.clone()
}

fn is_settled(held: &Links, key: &SiteKey) -> bool {
    let link = held.get(key);
    link.is_some_and(|link| link.declared_by == Declarer::Settings)
}

fn words(key: &SiteKey) -> String {
    match key.source {
        Source::Matrix => format!("Matrix building `{}`", key.code),
        Source::Urgent => format!("Urgent site `{}` of `{}`", key.code, key.tenant),
    }
}

/// A decision that says what was said before is none.
fn keep_versions(held: &Links, wanted: &mut Links) {
    for (key, link) in wanted {
        if let Some(before) = held.get(key)
            && says(before) == says(link)
        {
            link.version = before.version;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn m(code: &str) -> SiteKey {
        SiteKey::matrix(code)
    }

    fn u(code: &str) -> SiteKey {
        SiteKey::urgent("T", code)
    }

    fn settings(places: &[(&str, &[SiteKey])]) -> Vec<(String, Vec<SiteKey>)> {
        let place = |(name, sites): &(&str, &[SiteKey])| ((*name).to_owned(), sites.to_vec());
        places.iter().map(place).collect()
    }

    /// Each site with its root and its name.
    fn told(links: &Links) -> Vec<(String, String, Option<String>)> {
        let row = |(key, link): (&SiteKey, &place_link::Model)| {
            (
                key.code.clone(),
                root_of(links, key).code,
                link.name.clone(),
            )
        };
        links.iter().map(row).collect()
    }

    fn row(site: &str, root: &str, name: Option<&str>) -> (String, String, Option<String>) {
        (site.to_owned(), root.to_owned(), name.map(str::to_owned))
    }

    #[test]
    fn the_matrix_building_leads_whatever_the_order() {
        for places in [[m("b"), u("s")], [u("s"), m("b")]] {
            let (links, root) = joined(&Links::new(), &places, Some("House")).unwrap();
            assert_eq!(root, m("b"));
            let name = Some("House");
            assert_eq!(told(&links), [row("b", "b", name), row("s", "b", name)]);
        }
    }

    #[test]
    fn a_place_that_is_linked_brings_its_place_with_it() {
        let (held, _) = joined(&Links::new(), &[m("b"), u("s")], Some("House")).unwrap();
        let (held, root) = joined(&held, &[u("s"), u("r")], None).unwrap();
        assert_eq!(root, m("b"));
        let name = Some("House");
        assert_eq!(
            told(&held),
            [
                row("b", "b", name),
                row("r", "b", name),
                row("s", "b", name)
            ]
        );
        let again = joined(&held, &[u("r"), m("b")], None).unwrap().0;
        assert_eq!(again, held, "said again, it is no decision");
    }

    #[test]
    fn the_settings_go_first() {
        let places = settings(&[("House", &[m("b"), u("s")]), ("Hall", &[m("c")])]);
        let held = imported(&Links::new(), &places);
        assert!(
            joined(&held, &[u("s"), m("c")], None)
                .unwrap_err()
                .contains("`b`")
        );
        assert!(joined(&held, &[m("b"), u("r")], Some("Hut")).is_err());
        assert!(parted(&held, &[u("s")]).unwrap_err().contains("`s` of `T`"));
        let (held, root) = joined(&held, &[u("r"), u("s")], None).unwrap();
        assert_eq!(root, m("b"));
        assert_eq!(held[&u("r")].declared_by, Declarer::Operator);
        assert_eq!(held[&u("s")].declared_by, Declarer::Settings);
        // Read again, they leave the operator's word; what they name themselves they take over.
        assert_eq!(imported(&held, &places)[&u("r")], held[&u("r")]);
        let places = settings(&[("House", &[m("b")]), ("Hall", &[m("c"), u("r")])]);
        let name = |name| Some(name);
        assert_eq!(
            told(&imported(&held, &places)),
            [
                row("b", "b", name("House")),
                row("c", "c", name("Hall")),
                row("r", "c", name("Hall"))
            ]
        );
    }

    #[test]
    fn what_the_operator_linked_outlives_a_root_that_the_settings_name_no_more() {
        let held = imported(&Links::new(), &settings(&[("House", &[m("b")])]));
        let (held, _) = joined(&held, &[m("b"), u("s")], None).unwrap();
        let held = imported(&held, &settings(&[("Hall", &[m("c")])]));
        let of_operator = held
            .iter()
            .filter(|(_, link)| link.declared_by == Declarer::Operator);
        let roots: Vec<_> = of_operator
            .map(|(key, _)| root_of(&held, key).code)
            .collect();
        assert_eq!(roots, ["b", "b"]);
        // Named again below another place, it takes what hangs on it along.
        let held = imported(&held, &settings(&[("Hall", &[m("c"), m("b")])]));
        assert_eq!(root_of(&held, &u("s")), m("c"));
    }

    #[test]
    fn what_is_taken_out_parts_and_the_rest_stays_together() {
        let (held, _) = joined(&Links::new(), &[m("b"), u("r"), u("s")], Some("House")).unwrap();
        let without = |places: &[SiteKey]| told(&parted(&held, places).unwrap());
        let name = Some("House");
        assert_eq!(
            without(&[u("s")]),
            [row("b", "b", name), row("r", "b", name)]
        );
        assert_eq!(
            without(&[m("b")]),
            [row("r", "r", None), row("s", "r", None)]
        );
        assert_eq!(without(&[u("r"), u("s")]), [row("b", "b", name)]);
        assert_eq!(without(&[m("b"), u("s")]), []);
        assert_eq!(without(&[u("unknown")]), told(&held));
    }
}
