//! What differs between two files: which keys, and never their values, because some are secret.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// What differs in one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The section, as it stands in the file.
    pub section: String,
    /// The keys in it whose values differ, or that only one of the files has. An empty one is the section itself.
    pub keys: Vec<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<_> = self.keys.iter().filter(|key| !key.is_empty()).map(String::as_str).collect();
        match keys[..] {
            [] => f.write_str(&self.section),
            _ => write!(f, "{}: {}", self.section, keys.join(", ")),
        }
    }
}

/// What differs between the texts of two files that can be read.
pub fn changes(before: &str, after: &str) -> Vec<Change> {
    let (before, after) = (flat(before), flat(after));
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let mut changes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for key in keys.filter(|key| before.get(*key) != after.get(*key)) {
        changes.entry(&key.0).or_default().push(key.1.clone());
    }
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    changes.into_iter().map(|(section, keys)| Change { section: section.to_owned(), keys: sorted(keys) }).collect()
}

/// Each value that is no table, by its section and the way to it.
fn flat(text: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for (section, value) in text.parse::<Table>().unwrap_or_default() {
        walk(&section, String::new(), &value, &mut found);
    }
    found
}

fn walk(section: &str, way: String, value: &Value, found: &mut BTreeMap<(String, String), String>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let way = if way.is_empty() { key.clone() } else { format!("{way}.{key}") };
                walk(section, way, value, found);
            }
        }
        Value::Array(tables) if tables.iter().any(Value::is_table) => {
            for (at, table) in tables.iter().enumerate() {
                // People know a rule by its name; where it stands changes when one is put before it.
                let name = table.get("name").or_else(|| table.get("address")).and_then(Value::as_str);
                let label = name.map_or_else(|| format!("[{}]", at + 1), |name| format!("\"{name}\""));
                let way = if way.is_empty() { label } else { format!("{way} {label}") };
                // That rules stand in another order is a change, too.
                found.insert((section.to_owned(), format!("{way} (its place)")), at.to_string());
                walk(section, way, table, found);
            }
        }
        value => drop(found.insert((section.to_owned(), way), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_that_differ_and_values_are_not_said() {
        let before = "state = 'a'\n[session]\nlifetime = '8h'\n[session.redis]\nsecret = 'one'\n\
                      [[network]]\nname = 'office'\naddresses = ['10.0.0.0/8']\n[policy]\nblocked = ['a.test']\n\
                      [[policy.rule]]\nname = 'one'\neffect = 'allow'\n[[policy.rule]]\nname = 'two'\neffect = 'block'\n";
        assert_eq!(changes(before, before), []);
        let after = before
            .replace("'one'\n[[network]]", "'hush'\n[[network]]")
            .replace("['a.test']", "['a.test', 'b.test']")
            .replace("effect = 'block'", "effect = 'allow'")
            .replace("state = 'a'", "state = 'b'")
            + "[log]\nlevel = 'debug'\n";
        let said: Vec<_> = changes(before, &after).iter().map(Change::to_string).collect();
        assert_eq!(said, ["log: level", "policy: blocked, rule \"two\".effect", "session: redis.secret", "state"]);
        let swapped = before.replace("name = 'one'", "name = 'x'").replace("'two'", "'one'").replace("'x'", "'two'");
        let said: Vec<_> = changes(before, &swapped).iter().map(Change::to_string).collect();
        assert_eq!(said.len(), 1);
        assert!(said[0].contains("rule \"one\" (its place)") && said[0].contains("rule \"two\".effect"), "{said:?}");
    }
}
