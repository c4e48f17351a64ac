//! Dependencies between packages, and the features of shared ones.

use super::{
    ARROWS, CALLS_OUT, NOT_IN_THE_ENGINE, ONLY_OF_THE_CHILD, WITHOUT_FEATURES, files, named, read,
    root,
};

#[test]
fn packages_depend_on_what_the_table_allows() {
    for (package, allowed) in ARROWS {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        for dependency in dependencies(&manifest) {
            let ours = dependency.strip_prefix("flowgate-");
            assert!(
                ours.is_none_or(|ours| allowed.contains(&ours)),
                "{package} must not depend on {dependency}"
            );
            let is_pure =
                package != "shared/engine" || !NOT_IN_THE_ENGINE.contains(&dependency.as_str());
            assert!(is_pure, "the engine must not depend on {dependency}");
            let may_call_out = matches!(package, "shared/outbound" | "cli" | "tests")
                || !CALLS_OUT.contains(&dependency.as_str());
            assert!(
                may_call_out,
                "{package} must not depend on {dependency}: only outbound calls out"
            );
            let may_parse = package == "shared/child"
                || (package, dependency.as_str()) == ("tests", "zip")
                || !ONLY_OF_THE_CHILD.contains(&dependency.as_str());
            assert!(
                may_parse,
                "{package} must not depend on {dependency}: only the child runs code and parses"
            );
        }
    }
}

/// Packages that only store and read link no HTTP client, model provider or JavaScript: one feature
/// holds all of them.
#[test]
fn only_what_runs_or_delivers_can_call_out() {
    let may = ["functions/invoke", "functions/worker", "functions/webhook"];
    for (package, _) in ARROWS.into_iter().filter(|(package, _)| package.starts_with("functions/"))
    {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        assert_eq!(manifest.contains("\"starts\""), may.contains(&package), "{package}");
    }
    for package in ["shared/api", "shared/lambda"] {
        let manifest = read(&root().join(package).join("Cargo.toml"));
        assert!(
            manifest.contains("flowgate-runner = { workspace = true, optional = true }"),
            "{package}"
        );
        assert!(!manifest.contains("\ndefault = "), "{package}: `starts` is asked for");
    }
}

#[test]
fn features_change_nothing_in_what_everybody_shares() {
    for package in WITHOUT_FEATURES {
        assert!(
            !read(&root().join(package).join("Cargo.toml")).contains("[features]"),
            "{package} has features"
        );
        for (file, text) in files(&root().join(package).join("src"), &["rs"]).into_iter().map(named)
        {
            assert!(
                !text.contains("cfg(feature") && !text.contains("(feature ="),
                "{file}: code behind a feature"
            );
            assert!(!text.contains("#![expect(dead_code"), "{file}: nothing is dead as a whole");
        }
    }
}

/// What differs between the APIs is data of the start.
#[test]
fn nothing_below_the_api_asks_which_api_a_run_came_from() {
    for package in [
        "shared/core",
        "shared/app",
        "shared/outbound",
        "shared/runner",
        "shared/local",
        "shared/aws",
    ] {
        for (file, text) in files(&root().join(package).join("src"), &["rs"]).into_iter().map(named)
        {
            let dialects = ["Gptbots", "Sim", "AiFlow", "Mcp", "OpenAi", "A2a"]
                .map(|name| format!("Dialect::{name}"));
            let asks = dialects
                .iter()
                .map(String::as_str)
                .chain([".dialect =="])
                .find(|asks| text.contains(asks));
            assert!(asks.is_none(), "{file}: `{}`", asks.unwrap_or_default());
        }
    }
}

#[test]
fn every_package_is_in_the_table() {
    let manifest = read(&root().join("Cargo.toml"));
    let members =
        manifest.split("\nmembers = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert_eq!(members, ARROWS.map(|(package, _)| package));
}

/// Returns the names under `[dependencies]` and `[build-dependencies]`, without dev-dependencies.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if matches!(section, "[dependencies]" | "[build-dependencies]") {
            names.extend(
                line.split(['.', ' ', '='])
                    .next()
                    .filter(|name| !name.is_empty() && !name.starts_with('#'))
                    .map(str::to_owned),
            );
        }
    }
    names
}
