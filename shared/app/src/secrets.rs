//! Provider secrets: authors write them, only `outbound` reads them.

use flowgate_core::key::Scope;
use flowgate_core::secret::SecretInfo;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;

impl App {
    pub async fn put_secret(&self, caller: &Caller, name: &str, value: &str) -> Result<()> {
        caller.require_platform(Scope::Author)?;
        check_name(name)?;
        if value.is_empty() || value.len() > MAX_SECRET {
            return Err(Error::bad_field("/value", format!("must have 1 to {MAX_SECRET} bytes")));
        }
        self.ports.secrets.put(name, value, self.now()).await?;
        Ok(())
    }

    pub async fn list_secrets(&self, caller: &Caller) -> Result<Vec<SecretInfo>> {
        caller.require_platform(Scope::Author)?;
        Ok(self.ports.secrets.list().await?)
    }

    pub async fn delete_secret(&self, caller: &Caller, name: &str) -> Result<()> {
        caller.require_platform(Scope::Author)?;
        let known = self.ports.secrets.delete(name).await?;
        if known { Ok(()) } else { Err(Error::NotFound(What::Secret)) }
    }
}

const MAX_SECRET: usize = 16 * 1024;

fn check_name(name: &str) -> Result<()> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let good = first
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if good {
        Ok(())
    } else {
        Err(Error::bad_field("/name", "must be letters, digits and _, and not begin with a digit"))
    }
}
