//! Where a call of a provider goes, and with which key: alike for models, pictures and speech.

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, Piece, Rendered, RenderedUrl};
use flowgate_engine::provider;
use url::Url;

use super::mask::Masks;
use super::secret::{Cleared, Secret, refused_host, unknown_secret};
use super::{Outbound, failed};

/// A provider, and what the author says about the way to it.
pub(super) struct Connection<'c> {
    pub(super) provider: &'c str,
    /// The provider's own address; `None` if only a base URL says where it is.
    pub(super) default: Option<&'static str>,
    pub(super) base_url: Option<&'c RenderedUrl>,
    pub(super) api_key: Option<&'c Rendered>,
    /// A reference chose the provider.
    pub(super) has_given_provider: bool,
}

/// The secret `<PROVIDER>_BASE_URL`, where it counts.
pub(super) struct StoredUrl(Option<Secret>);

pub(super) struct Reached<'a> {
    pub(super) cleared: Cleared<'a>,
    pub(super) key: Option<String>,
}

impl Connection<'_> {
    /// Whether the call goes to another address than the provider's own.
    pub(super) fn has_own_url(&self, stored: &StoredUrl) -> bool {
        self.base_url.is_some() || stored.0.is_some()
    }
}

impl Outbound {
    pub(super) async fn stored_url(
        &self,
        connection: &Connection<'_>,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<StoredUrl, CallError> {
        if connection.base_url.is_some() {
            return Ok(StoredUrl(None));
        }
        let name = provider::base_url(connection.provider);
        let stored = self.secrets.get(&name, user, masks).await?;
        Ok(StoredUrl(stored.filter(|stored| !stored.value.is_empty())))
    }

    /// Finds the address and key: from the call, else from the provider's secrets, else the
    /// provider's default address. `fields` are those of the request that may hold secrets.
    pub(super) async fn reach<'s>(
        &'s self,
        connection: &Connection<'_>,
        stored: &StoredUrl,
        fields: &[&Rendered],
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Reached<'s>, CallError> {
        let default = connection.default.unwrap_or_default();
        let pieces = match (connection.base_url, &stored.0) {
            (Some(url), _) => url.0.clone(),
            (None, Some(stored)) => vec![Piece::Text(stored.value.clone())],
            (None, None) => vec![Piece::Text(default.to_owned())],
        };
        let fields = connection.api_key.into_iter().chain(fields.iter().copied());
        let cleared = self.clear(&pieces, fields, user, masks).await?;
        let key = match connection.api_key {
            Some(key) => {
                if connection.base_url.is_none() && connection.has_given_provider {
                    cleared.check_named_hosts()?;
                }
                Some(cleared.fill_text(key)?)
            }
            None => self.own_key(connection, &cleared, user, masks).await?,
        };
        let key = key.filter(|key| !key.is_empty());
        if key.is_none() && provider::needs_key(connection.provider) {
            return Err(unknown_secret(&provider::api_key(connection.provider)));
        }
        Ok(Reached { cleared, key })
    }

    /// Returns the provider's own key, if it may go to this URL: to the hosts that it names, else
    /// to the provider's own address or the one that is stored beside the key.
    async fn own_key(
        &self,
        connection: &Connection<'_>,
        cleared: &Cleared<'_>,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Option<String>, CallError> {
        let name = provider::api_key(connection.provider);
        let Some(key) = self.secrets.get(&name, user, masks).await? else { return Ok(None) };
        let Secret { value, rule, .. } = key;
        let may_go = if rule.hosts.is_empty() {
            let is_same = |address: &str| {
                Url::parse(address).is_ok_and(|known| known.origin() == cleared.url.origin())
            };
            let is_own = connection.default.is_some_and(is_same);
            is_own || {
                let name = provider::base_url(connection.provider);
                let stored = self.secrets.get(&name, user, masks).await?;
                stored.is_some_and(|stored| is_same(&stored.value))
            }
        } else {
            rule.names_host_of(&cleared.url)
        };
        if may_go {
            Ok(Some(value))
        } else {
            Err(refused_host(&name, &cleared.url, cleared.given_by))
        }
    }
}

/// The request's path is joined to it, and would replace a last segment without a slash.
pub(super) fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Some providers' URLs contain the name. It must not lead to another path.
pub(super) fn check_model(model: &str) -> Result<(), CallError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-=,~".contains(c);
    let climbs = model.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if model.chars().all(is_plain) && !climbs {
        return Ok(());
    }
    let shown: String = model.chars().take(100).collect();
    Err(failed("unknown_model", format!("{shown:?} is not the name of a model")))
}
