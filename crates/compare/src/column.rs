use toml::{Table, Value};

/// A column of a comparison: settings that its cells share, whatever their seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What tables call it.
    pub name: String,
    /// Its settings as overrides `key=value` of the base.
    pub overrides: Vec<String>,
}

impl Column {
    /// The name as part of a folder's: letters and digits, with `-` for all else.
    pub(crate) fn slug(&self) -> String {
        let mut slug = String::new();
        for letter in self.name.chars() {
            match letter.is_ascii_alphanumeric() || letter == '.' {
                true => slug.push(letter.to_ascii_lowercase()),
                false if slug.is_empty() || slug.ends_with('-') => {}
                false => slug.push('-'),
            }
        }
        slug.trim_end_matches('-').to_owned()
    }
}

/// Settings of a table, and of tables in it, as overrides.
pub(crate) fn overrides(table: &Table) -> Vec<String> {
    fn enter(prefix: &str, table: &Table, overrides: &mut Vec<String>) {
        for (key, value) in table {
            let key = match prefix {
                "" => key.clone(),
                prefix => format!("{prefix}.{key}"),
            };
            match value {
                Value::Table(table) => enter(&key, table, overrides),
                value => overrides.push(format!("{key}={value}")),
            }
        }
    }
    let mut all = Vec::new();
    enter("", table, &mut all);
    all
}

/// Every combination of the grid's values: what it is called, and its settings.
pub(crate) fn combinations(grid: &[(String, Vec<Value>)]) -> Vec<(Vec<String>, Vec<String>)> {
    let mut all = vec![(Vec::new(), Vec::new())];
    for (key, values) in grid {
        // Names are as short as they can be: the last part of the key and the value.
        let word = key.rsplit('.').next().unwrap_or(key).replace('_', " ");
        all = all
            .into_iter()
            .flat_map(|(names, overrides)| {
                let word = &word;
                values.iter().map(move |value| {
                    let (mut names, mut overrides) = (names.clone(), overrides.clone());
                    names.push(format!("{word} {}", spoken(value)));
                    overrides.extend(settings(key, value));
                    (names, overrides)
                })
            })
            .collect();
    }
    all
}

fn settings(key: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Table(table) => {
            let all = overrides(table).into_iter();
            all.map(|setting| format!("{key}.{setting}")).collect()
        }
        value => vec![format!("{key}={value}")],
    }
}

fn spoken(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Table(table) => {
            let parts = table.iter();
            let parts =
                parts.map(|(key, value)| format!("{} {}", key.replace('_', " "), spoken(value)));
            parts.collect::<Vec<_>>().join(" ")
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn tables_become_overrides() {
        let settings = overrides(&table(
            "head = { kind = \"full\", scale = 16 }\nloader.batch = 8\ndecay.milestones = [\"1 step\"]",
        ));
        let mut expected = [
            "head.kind=\"full\"",
            "head.scale=16",
            "loader.batch=8",
            "decay.milestones=[\"1 step\"]",
        ];
        expected.sort_unstable();
        let mut settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        settings.sort_unstable();
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_grid_has_every_combination() {
        let grid = [
            (
                "head.pool".to_owned(),
                vec![Value::Integer(8), Value::Integer(9)],
            ),
            (
                "head.update".to_owned(),
                vec![
                    Value::String("two_layer".to_owned()),
                    Value::Table(table("weighted = { alpha = 0.9 }")),
                ],
            ),
        ];
        let combinations = combinations(&grid);
        let names: Vec<String> = combinations
            .iter()
            .map(|(names, _)| names.join(", "))
            .collect();
        let expected = [
            "pool 8, update two_layer",
            "pool 8, update weighted alpha 0.9",
            "pool 9, update two_layer",
            "pool 9, update weighted alpha 0.9",
        ];
        assert_eq!(names, expected);
        let last = ["head.pool=9", "head.update.weighted.alpha=0.9"];
        assert_eq!(combinations[3].1, last);
        assert_eq!(super::combinations(&[]).len(), 1);
    }

    #[test]
    fn folders_have_plain_names() {
        let slug = |name: &str| {
            let (name, overrides) = (name.to_owned(), Vec::new());
            Column { name, overrides }.slug()
        };
        assert_eq!(slug("FFC, pool 10 %"), "ffc-pool-10");
        assert_eq!(slug("momentum 0.99"), "momentum-0.99");
    }
}
