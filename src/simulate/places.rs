//! Writes the `[[places]]` file: the names that Matrix does not send, and which Urgent site is which Matrix building.
//! Replaces only what an earlier run wrote; an operator's own file is left alone.

use super::estate::Estate;
use anyhow::Context;
use std::{collections::BTreeSet, fmt::Write as _, path::Path};

const HEADER: &str =
    "# Written by `caretaker simulate`; the next run replaces it unless this line is gone.\n";

/// What became of the places file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// Written, or already as it should be.
    Written,
    /// Written in the place of one that held names which are gone now.
    Replaced,
    /// There is one that `simulate` did not write.
    LeftAlone,
}

/// Writes the estate's names and links to `path`.
pub(super) fn write(path: &Path, estate: &Estate) -> anyhow::Result<Placed> {
    let before = match std::fs::read_to_string(path) {
        Ok(present) if !present.starts_with(HEADER) => return Ok(Placed::LeftAlone),
        Ok(present) => names(&present),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeSet::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = text(estate)?;
    std::fs::write(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(if before.is_subset(&names(&text)) {
        Placed::Written
    } else {
        Placed::Replaced
    })
}

/// What a places file names, with the name; nothing when it cannot be understood.
fn names(text: &str) -> BTreeSet<(String, String)> {
    let table: toml::Table = text.parse().unwrap_or_default();
    let lists = ["properties", "places"]
        .into_iter()
        .filter_map(|list| table.get(list)?.as_array());
    lists
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.get("matrix")?.to_string(),
                entry.get("name")?.to_string(),
            ))
        })
        .collect()
}

fn text(estate: &Estate) -> Result<String, std::fmt::Error> {
    let quoted = |word: &str| toml::Value::String(word.to_owned()).to_string();
    let mut text = HEADER.to_owned();
    for property in &estate.properties {
        write!(
            text,
            "\n[[properties]]\nmatrix = {}\nname = {}\n",
            quoted(&property.id),
            quoted(property.name)
        )?;
    }
    for building in &estate.buildings {
        write!(
            text,
            "\n[[places]]\nname = {}\nmatrix = [{}]\n",
            quoted(&building.name),
            quoted(&building.id)
        )?;
        if let Some(site) = &building.site {
            let tenant = estate.properties[building.property].tenant.name();
            writeln!(
                text,
                "urgent = [{{ tenant = {}, site = {} }}]",
                quoted(tenant),
                quoted(&site.code)
            )?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::estate;

    #[test]
    fn places_name_every_property_and_building_and_link_the_sites() {
        let estate = estate::draw(3, 2_000);
        let table: toml::Table = text(&estate).unwrap().parse().unwrap();
        assert_eq!(
            table["properties"].as_array().unwrap().len(),
            estate.properties.len()
        );
        let places = table["places"].as_array().unwrap();
        assert_eq!(places.len(), estate.buildings.len());
        for (place, building) in places.iter().zip(&estate.buildings) {
            assert_eq!(place["matrix"][0].as_str(), Some(building.id.as_str()));
            assert_eq!(place["name"].as_str(), Some(building.name.as_str()));
            let linked = place
                .get("urgent")
                .map(|sites| sites[0]["site"].as_str().unwrap());
            assert_eq!(
                linked,
                building.site.as_ref().map(|site| site.code.as_str())
            );
        }
    }

    #[test]
    fn an_operators_own_places_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("places.toml");
        let estate = estate::draw(3, 100);
        assert_eq!(write(&path, &estate).unwrap(), Placed::Written);
        assert_eq!(write(&path, &estate).unwrap(), Placed::Written);
        let other = estate::draw(4, 100);
        assert_eq!(write(&path, &other).unwrap(), Placed::Replaced);
        std::fs::write(&path, "# mine\n").unwrap();
        assert_eq!(write(&path, &estate).unwrap(), Placed::LeftAlone);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n");
    }
}
