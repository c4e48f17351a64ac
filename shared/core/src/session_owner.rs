//! Whose a session is, and on whose behalf a run uses sessions.

use flowgate_engine::CallError;
use serde::{Deserialize, Serialize};

/// Whose a session is: of the key and the end user that used it first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOwner {
    /// The first key of its chain of rotations. `None`: of no key, but of the operator, its tokens
    /// or a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// On whose behalf a run uses sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionUser {
    /// Of the sessions that the run begins.
    #[serde(flatten)]
    pub owner: SessionOwner,
    /// The operator's own credential started it: no token of it, no schedule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_operator: bool,
}

impl SessionOwner {
    /// Refuses a run of another key, or of another user. The operator's own runs that name no user
    /// may use every session.
    pub fn admits(&self, by: &SessionUser) -> Result<(), CallError> {
        let SessionUser { owner, is_operator } = by;
        let is_any = *is_operator && owner.user.is_none();
        let (code, whose) = if !is_operator && owner.key_id != self.key_id {
            ("session_of_another_key", "key")
        } else if !is_any && owner.user != self.user {
            ("session_of_another_user", "user")
        } else {
            return Ok(());
        };
        let message = format!("the session belongs to another {whose}");
        Err(CallError { code: code.to_owned(), message, ..CallError::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(key: Option<&str>, user: Option<&str>) -> SessionOwner {
        SessionOwner { key_id: key.map(str::to_owned), user: user.map(str::to_owned) }
    }

    fn code(session: &SessionOwner, by: SessionOwner, is_operator: bool) -> Option<String> {
        let by = SessionUser { owner: by, is_operator };
        session.admits(&by).err().map(|error| error.code)
    }

    const KEY: Option<&str> = Some("session_of_another_key");
    const USER: Option<&str> = Some("session_of_another_user");

    #[test]
    fn a_session_is_of_one_key_and_one_user() {
        let session = owner(Some("k1"), Some("ada"));
        for (key, user, expected) in [
            (Some("k1"), Some("ada"), None),
            (Some("k2"), Some("ada"), KEY),
            (Some("k1"), Some("bob"), USER),
            (Some("k1"), None, USER),
            // A token of the operator, or a schedule.
            (None, Some("ada"), KEY),
            (None, None, KEY),
        ] {
            let found = code(&session, owner(key, user), false);
            assert_eq!(found.as_deref(), expected, "{key:?} {user:?}");
        }
        let of_operator = owner(None, Some("ada"));
        assert_eq!(code(&of_operator, owner(Some("k1"), Some("ada")), false).as_deref(), KEY);
        assert_eq!(code(&of_operator, owner(None, Some("bob")), false).as_deref(), USER);
    }

    #[test]
    fn the_operator_uses_every_session_unless_it_names_a_user() {
        let session = owner(Some("k1"), Some("ada"));
        assert_eq!(code(&session, owner(None, None), true), None);
        assert_eq!(code(&session, owner(None, Some("ada")), true), None);
        assert_eq!(code(&session, owner(None, Some("bob")), true).as_deref(), USER);
    }
}
