//! Other systems have none of these layers.

use flowgate_child_protocol::Landlock;

pub(super) fn die_with_parent() -> bool {
    false
}

pub(super) fn forbid_dumps() -> bool {
    false
}

pub(super) fn forbid_new_privileges() -> bool {
    false
}

pub(super) fn restrict_files_and_network() -> Landlock {
    Landlock::Absent
}

pub(super) fn filter_system_calls() -> bool {
    false
}
