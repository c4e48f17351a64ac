//! Modules of Python's own library that our Python lacks, written in Python. What a piece of code
//! uses of them is put before it.

use std::sync::LazyLock;

const SOURCE: &str = include_str!("modules.py");
/// Stands in the source for a text that is random in each run.
pub(super) const SEED: &str = "SEED";

pub(super) struct Module {
    /// With a `+`, a function that stands for a method.
    pub(super) name: &'static str,
    members: Vec<&'static str>,
    pub(super) source: &'static str,
}

static ALL: LazyLock<Vec<Module>> = LazyLock::new(|| {
    let module = |section: &'static str| {
        let (head, source) = section.split_once('\n')?;
        let (name, members) = head.split_once(':').unwrap_or((head, ""));
        let members = members.split_whitespace().collect();
        Some(Module { name: name.trim(), members, source: source.trim_end() })
    };
    SOURCE.split("#: ").filter_map(module).collect()
});

impl Module {
    pub(super) fn needs_seed(&self) -> bool {
        self.source.contains(SEED)
    }

    fn has(&self, path: &str) -> bool {
        let member = path.strip_prefix(self.name).and_then(|rest| rest.strip_prefix('.'));
        member.is_some_and(|member| self.members.contains(&super::imports::top(member)))
    }
}

/// The module that has what a path such as `urllib.parse.quote` names.
pub(super) fn that_has(path: &str) -> Option<&'static Module> {
    ALL.iter().find(|module| module.has(path))
}

/// Whether a path such as `urllib` leads to a module.
pub(super) fn leads_to_one(path: &str) -> bool {
    let is_on_the_way = |name: &str| {
        name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    ALL.iter().any(|module| is_on_the_way(module.name))
}

/// The sources of these modules, in an order in which they may be read.
pub(super) fn sources(names: &[&'static str]) -> Vec<&'static Module> {
    ALL.iter().filter(|module| names.contains(&module.name)).collect()
}

#[cfg(test)]
mod tests {
    use monty::MontyRun;
    use monty_types::{AssertMessageAnnotations, CompileOptions};

    use super::*;

    #[test]
    fn every_member_is_defined() {
        assert!(ALL.len() > 10);
        for module in ALL.iter() {
            for member in &module.members {
                let is_defined = [format!("def {member}("), format!("self.{member} = ")]
                    .iter()
                    .any(|definition| module.source.contains(definition));
                assert!(is_defined, "{}.{member}", module.name);
            }
        }
    }

    #[test]
    fn they_do_what_those_of_python_do() {
        let seed = "\"01234567-89ab-4def-8123-456789abcdef\"";
        let tests = include_str!("modules_test.py");
        let source = format!("{}\n{tests}", SOURCE.replace(SEED, seed));
        let options = CompileOptions { assert_message_annotations: AssertMessageAnnotations::Off };
        let code = MontyRun::new(source, "modules_test.py", Vec::new(), options).unwrap();
        if let Err(failure) = code.run_no_limits(Vec::new()) {
            panic!("{failure:?}");
        }
    }

    #[test]
    fn nothing_in_the_source_is_read_as_a_reference() {
        assert!(flowgate_engine::expr::reference::readable(SOURCE).is_empty());
    }
}
