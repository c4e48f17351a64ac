//! The `schedule` section: when a workflow starts by itself. Whether its times ever come is for
//! those to say who know a calendar.

use serde_json::{Map, Value};

use crate::compile::fields::Fields;
use crate::field::{FieldSpec, FieldType};
use crate::file::find_marked;
use crate::input::{InputRules, InputSection, Undeclared};
use crate::json;

pub const MAX_SCHEDULES: usize = 10;
/// Of one schedule, as JSON: its row holds it.
const MAX_INPUT_BYTES: usize = 16 << 10;
const RULES: InputRules = InputRules { undeclared: Undeclared::Refuse, coerce: false };

const CRON: FieldSpec = FieldSpec::new(
    "cron",
    FieldType::Words,
    "minute, hour, day of the month, month, day of the week: `0 9 * * 1-5`",
)
.required();
const TIMEZONE: FieldSpec = FieldSpec::with_default(
    "timezone",
    FieldType::Words,
    "`UTC`",
    "an IANA name, such as `Europe/Berlin`",
);
const INPUT: FieldSpec = FieldSpec::with_default(
    "input",
    FieldType::Object,
    "no fields",
    "the input of its runs, at most 16 KiB; references are not read",
);
const OVERLAP: FieldSpec = FieldSpec::with_default(
    "overlap",
    FieldType::OneOf(&["skip", "queue"]),
    "`skip`",
    "what a tick does while the run before has not ended: `skip` starts none, `queue` waits for \
     its end",
);

/// The fields of an entry of the `schedule` section.
pub(crate) const FIELDS: &[FieldSpec] = &[CRON, TIMEZONE, INPUT, OVERLAP];

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub cron: String,
    pub timezone: String,
    pub input: Value,
    pub overlap: Overlap,
    /// JSON pointer into the document.
    pub path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    Skip,
    Queue,
}

/// Reads the section. Its inputs must be what a caller could send.
pub(crate) fn read(
    root: &mut Fields<'_, '_>,
    section: &FieldSpec,
    declared: &InputSection,
) -> Vec<Schedule> {
    let list = root.list(section).unwrap_or_default();
    if list.len() > MAX_SCHEDULES {
        root.error(&section.name, format!("at most {MAX_SCHEDULES} schedules"));
    }
    let mut schedules = Vec::new();
    for (index, entry) in list.iter().take(MAX_SCHEDULES).enumerate() {
        let Value::Object(object) = entry else {
            let message = "a schedule is an object such as { cron: \"0 9 * * 1-5\" }";
            root.error(&section.name, message);
            continue;
        };
        let path = format!("{}/{index}", root.path_of(&section.name));
        let read = |fields: &mut Fields<'_, '_>| read_one(fields, path.clone(), declared);
        schedules.push(root.inner(&path, object, FIELDS, read));
    }
    schedules
}

fn read_one(fields: &mut Fields<'_, '_>, path: String, declared: &InputSection) -> Schedule {
    let given = fields.object(&INPUT).cloned().unwrap_or_default();
    if json::size(&Value::Object(given.clone())) > MAX_INPUT_BYTES {
        fields.error(&INPUT.name, format!("`input` has at most {MAX_INPUT_BYTES} bytes as JSON"));
    }
    let input = match declared.accept(Value::Object(given), RULES) {
        Ok(input) => input,
        Err(problems) => {
            for problem in problems {
                let name = problem.pointer.trim_start_matches('/');
                fields.error(&INPUT.name, format!("`{name}` {}", problem.message));
            }
            Value::Object(Map::new())
        }
    };
    for pointer in find_marked(&input) {
        let name = pointer.trim_start_matches('/');
        let message = format!("`{name}` is a file: a schedule has no caller whose file it may be");
        fields.error(&INPUT.name, message);
    }
    let overlap = match fields.string(&OVERLAP) {
        Some("queue") => Overlap::Queue,
        _ => Overlap::Skip,
    };
    Schedule {
        cron: fields.string(&CRON).unwrap_or_default().to_owned(),
        timezone: fields.string(&TIMEZONE).unwrap_or("UTC").to_owned(),
        input,
        overlap,
        path,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Document, Workflow};

    fn compile(schedule: &str) -> (Option<Workflow>, Vec<String>) {
        let yaml = format!(
            "input: [{{ name: n, type: number }}, {{ name: t, default: x }}]\n\
             nodes: [{{ id: a, type: template, template: hi }}]\nschedule: {schedule}\n"
        );
        let (workflow, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
        let shown = problems.into_iter().map(|problem| problem.path + ": " + &problem.message);
        (workflow, shown.collect())
    }

    #[test]
    fn a_schedule_is_read_with_its_input() {
        let (workflow, _) = compile("[{ cron: 0 9 * * *, input: { n: 1 }, overlap: queue }]");
        assert_eq!(
            workflow.unwrap().schedules(),
            [Schedule {
                cron: "0 9 * * *".into(),
                timezone: "UTC".into(),
                input: json!({ "n": 1, "t": "x" }),
                overlap: Overlap::Queue,
                path: "/schedule/0".into(),
            }]
        );
    }

    #[test]
    fn a_file_is_no_input_of_a_schedule() {
        let file = json!({ "$file": format!("file_{:032x}", 1), "name": "a", "type": "a/b",
            "size": 1, "sha256": "0".repeat(64) });
        for name in ["f", "any"] {
            let yaml = format!(
                "input: [{{ name: f, type: file, default: null }}, {{ name: any, type: object, \
                 default: null }}]\nnodes: [{{ id: a, type: template, template: hi }}]\n\
                 schedule: [{{ cron: 0 9 * * *, input: {{ {name}: {file} }} }}]\n"
            );
            let (workflow, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
            assert!(workflow.is_none(), "{name}");
            let (place, message) = (&*problems[0].path, &*problems[0].message);
            assert_eq!(place, "/schedule/0/input");
            assert!(message.starts_with(&format!("`{name}` is a file")), "{message}");
        }
    }

    #[test]
    fn all_problems_are_named_with_their_places() {
        let written = "[{ input: { t: 1, u: 2 }, overlap: never, tz: x }, 7, { cron: 1 }]";
        let (workflow, problems) = compile(written);
        assert!(workflow.is_none());
        let places: Vec<&str> =
            problems.iter().filter_map(|problem| problem.split(": ").next()).collect();
        for place in [
            "/schedule/0",
            "/schedule/0/input",
            "/schedule/0/overlap",
            "/schedule/0/tz",
            "/schedule",
            "/schedule/2/cron",
            "/schedule/2/input",
        ] {
            assert!(places.contains(&place), "{place}: {problems:#?}");
        }
        let of_input = problems.iter().filter(|text| text.starts_with("/schedule/0/input"));
        assert_eq!(of_input.count(), 3, "{problems:#?}");
        let many = format!("[{}]", "{ cron: 0 9 * * *, input: { n: 1 } },".repeat(11));
        assert_eq!(compile(&many).1, ["/schedule: at most 10 schedules"]);
        let large =
            format!("[{{ cron: 0 9 * * *, input: {{ n: 1, t: {} }} }}]", "x".repeat(20_000));
        assert_eq!(
            compile(&large).1,
            ["/schedule/0/input: `input` has at most 16384 bytes as JSON"]
        );
    }
}
