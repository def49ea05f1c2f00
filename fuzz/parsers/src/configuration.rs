use ffc_train::Config;

/// A configuration in TOML; lines after one of `---` are overrides as on the command line. One that is taken must be the same once it was
/// written and read again.
pub fn configuration(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let (text, overrides) = text.split_once("\n---\n").unwrap_or((text, ""));
    let overrides: Vec<String> = overrides.lines().map(str::to_owned).collect();
    let Ok(config) = Config::parse(text, "config.toml", &overrides) else {
        return false;
    };
    let text = config.to_toml().expect("a configuration that was taken");
    let again = Config::parse(&text, "config.toml", &[]).expect("what was written");
    // As text: a number may be none.
    assert_eq!(again.to_toml().expect("the same"), text);
    true
}
