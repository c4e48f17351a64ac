use super::super::remote::Version;
use super::*;

fn version(name: &str, document: &str, notes: &str) -> Version {
    let [version, document, notes] = [name, document, notes].map(str::to_owned);
    Version { version, document, notes, published_by: None }
}

fn remote(draft: &str, active: Option<Version>, newest: Option<Version>) -> Remote {
    Remote { etag: "e".to_owned(), draft: draft.to_owned(), draft_saved_by: None, newest, active }
}

fn decide(text: &str, remote: Option<&Remote>) -> Result<Action, String> {
    let file = File {
        id: "a".to_owned(),
        name: "a.yaml".to_owned(),
        text: text.to_owned(),
        secrets: BTreeSet::new(),
        children: BTreeSet::new(),
    };
    match action(&file, remote, false) {
        Action::Conflict { why } => {
            assert_eq!(action(&file, remote, true), Action::Change);
            Err(why)
        }
        action => Ok(action),
    }
}

#[test]
fn what_apply_has_made_is_changed_and_what_others_made_is_a_conflict() {
    let ours = |text: &str| Some(version("1.0.0", text, remote::MARK));
    let others = |text: &str| Some(version("1.0.0", text, "by hand"));
    let later = |text: &str| Some(version("2.0.0", text, remote::MARK));
    assert_eq!(decide("new", None), Ok(Action::Create));
    for (remote, expected) in [
        (remote("old", ours("old"), ours("old")), Ok(Action::Change)),
        (remote("new", ours("new"), ours("new")), Ok(Action::Same)),
        (remote("new", others("new"), others("new")), Ok(Action::Same)),
        (remote("new", ours("old"), ours("old")), Ok(Action::Change)),
        (remote("new", None, None), Ok(Action::Change)),
        (remote("mine", ours("old"), ours("old")), Err("not published")),
        (remote("mine", ours("new"), ours("new")), Err("not published")),
        (remote("mine", None, None), Err("not published")),
        (remote("old", others("old"), others("old")), Err("not published by apply")),
        (remote("two", ours("one"), later("two")), Err("rolled back")),
        (remote("two", None, later("two")), Err("taken down")),
    ] {
        match (decide("new", Some(&remote)), expected) {
            (Ok(action), Ok(expected)) => assert_eq!(action, expected, "{}", remote.draft),
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (found, expected) => panic!("{}: {found:?}, not {expected:?}", remote.draft),
        }
    }
}

#[test]
fn what_has_no_file_is_deleted_only_as_apply_has_left_it() {
    let ours = |name: &str, text: &str| Some(version(name, text, remote::MARK));
    for (remote, expected) in [
        (remote("old", ours("1.0.0", "old"), ours("1.0.0", "old")), None),
        (remote("mine", ours("1.0.0", "old"), ours("1.0.0", "old")), Some("not published")),
        (remote("two", ours("1.0.0", "one"), ours("2.0.0", "two")), Some("rolled back")),
    ] {
        let orphan = |overwrite| Orphan::new("a".to_owned(), &remote, overwrite).conflict;
        match (orphan(false), expected) {
            (None, None) => {}
            (Some(why), Some(part)) => assert!(why.contains(part), "{why}"),
            (found, expected) => panic!("{}: {found:?}, not {expected:?}", remote.draft),
        }
        assert_eq!(orphan(true), None);
    }
}
