//! Where a model's call goes, and with which key.

use flowgate_core::secret::{SecretRecord, SecretUser};
use flowgate_engine::call::{CallError, ModelCall, Piece};
use flowgate_engine::provider;
use url::Url;

use super::provider::Provider;
use super::wire::Wire;
use crate::mask::Masks;
use crate::secret::{Cleared, refused_host, unknown_secret};
use crate::way::Way;
use crate::{Outbound, failed};

pub(super) struct Target<'a> {
    pub(super) wire: &'static dyn Wire,
    /// Ends with a slash: the request's path is joined to it, and would replace a last segment
    /// without one.
    pub(super) base_url: Url,
    pub(super) key: Option<String>,
    pub(super) way: &'a Way,
}

impl Outbound {
    /// Finds the model's address and key: from the call, else from the provider's secrets, else the
    /// provider's default address.
    pub(super) async fn target(
        &self,
        provider: &Provider<'_>,
        model: &str,
        call: &ModelCall,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Target<'_>, CallError> {
        check_model(model)?;
        let stored_url = match &call.base_url {
            Some(_) => None,
            None => self.secrets.get(&provider::base_url(provider.name), user, masks).await?,
        };
        let stored_url = stored_url.filter(|stored| !stored.value.is_empty());
        let has_own_url = call.base_url.is_some() || stored_url.is_some();
        let wire = provider.wire(model, has_own_url)?;
        let default = provider.address().unwrap_or_default();
        let pieces = match (&call.base_url, &stored_url) {
            (Some(url), _) => url.0.clone(),
            (None, Some(stored)) => vec![Piece::Text(stored.value.clone())],
            (None, None) => vec![Piece::Text(default.to_owned())],
        };
        let cleared = self.clear(&pieces, &call.api_key, user, masks).await?;
        let key = match &call.api_key {
            Some(key) => {
                if call.base_url.is_none() && call.has_given_provider {
                    cleared.check_named_hosts()?;
                }
                Some(cleared.fill_text(key)?)
            }
            None => self.own_key(provider, &cleared, user, masks).await?,
        };
        let key = key.filter(|key| !key.is_empty());
        match &key {
            Some(key) => mask(wire, key, masks),
            None if !provider::needs_key(provider.name) => {}
            None => return Err(unknown_secret(&provider::api_key(provider.name))),
        }
        let mut base_url = cleared.url;
        let wire = provider.wire_at(&mut base_url).unwrap_or(wire);
        if !base_url.path().ends_with('/') {
            let path = format!("{}/", base_url.path());
            base_url.set_path(&path);
        }
        Ok(Target { wire, base_url, key, way: cleared.way })
    }

    /// Returns the provider's own key, if it may go to this URL: to the hosts that it names, else
    /// to the provider's own address or the one that is stored beside the key.
    async fn own_key(
        &self,
        provider: &Provider<'_>,
        cleared: &Cleared<'_>,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Option<String>, CallError> {
        let name = provider::api_key(provider.name);
        let Some(key) = self.secrets.get(&name, user, masks).await? else { return Ok(None) };
        let SecretRecord { value, rule } = &*key;
        let may_go = if rule.hosts.is_empty() {
            let is_same = |address: &str| {
                Url::parse(address).is_ok_and(|known| known.origin() == cleared.url.origin())
            };
            let is_own = provider.address().is_some_and(is_same);
            is_own || {
                let stored =
                    self.secrets.get(&provider::base_url(provider.name), user, masks).await?;
                stored.is_some_and(|stored| is_same(&stored.value))
            }
        } else {
            rule.names_host_of(&cleared.url)
        };
        if may_go {
            Ok(Some(value.clone()))
        } else {
            Err(refused_host(&name, &cleared.url, cleared.given_by))
        }
    }
}

/// Parts of a key may come back without the others.
fn mask(wire: &dyn Wire, key: &str, masks: &mut Masks) {
    wire.secrets(key).into_iter().for_each(|secret| masks.add(secret));
}

/// Some providers' URLs contain the name. It must not lead to another path.
fn check_model(model: &str) -> Result<(), CallError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-=,~".contains(c);
    let climbs = model.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if model.chars().all(is_plain) && !climbs {
        return Ok(());
    }
    let shown: String = model.chars().take(100).collect();
    Err(failed("unknown_model", format!("{shown:?} is not the name of a model")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_key_is_masked() {
        let masked = |provider: &str, key: &str, text: &str| {
            let mut masks = Masks::default();
            mask(Provider::named(provider).wire("m", false).unwrap(), key, &mut masks);
            masks.text(text)
        };
        let key = "AKIAEXAMPLE:wJalrXUtnFEMI/K7MDENG:FwoGZXIvYXdzEBY==";
        assert_eq!(masked("bedrock", key, key), "***");
        assert_eq!(masked("bedrock", key, "secret wJalrXUtnFEMI/K7MDENG"), "secret ***");
        assert_eq!(masked("bedrock", key, "token FwoGZXIvYXdzEBY=="), "token ***");
        assert_eq!(masked("bedrock", "ABSKQmVkcm9jaw", "key ABSKQmVkcm9jaw"), "key ***");
        assert_eq!(masked("anthropic", "sk-ant-1234", "key sk-ant-1234"), "key ***");
    }
}
