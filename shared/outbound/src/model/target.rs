//! Where a model's call goes, in which protocol, and with which key.

use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{CallError, ModelCall};
use url::Url;

use super::provider::Provider;
use super::wire::Wire;
use crate::Outbound;
use crate::mask::Masks;
use crate::reach::{Connection, Reached, check_model, with_slash};
use crate::way::Way;

pub(super) struct Target<'a> {
    pub(super) wire: &'static dyn Wire,
    /// Ends with a slash.
    pub(super) base_url: Url,
    pub(super) key: Option<String>,
    pub(super) way: &'a Way,
}

impl Outbound {
    pub(super) async fn target(
        &self,
        provider: &Provider<'_>,
        model: &str,
        call: &ModelCall,
        user: &SecretUser,
        masks: &mut Masks,
    ) -> Result<Target<'_>, CallError> {
        check_model(model)?;
        let connection = Connection {
            provider: provider.name,
            default: provider.address(),
            base_url: call.base_url.as_ref(),
            api_key: call.api_key.as_ref(),
            has_given_provider: call.has_given_provider,
        };
        let stored = self.stored_url(&connection, user, masks).await?;
        let wire = provider.wire(model, connection.has_own_url(&stored))?;
        let Reached { cleared, key } = self.reach(&connection, &stored, &[], user, masks).await?;
        if let Some(key) = &key {
            mask(wire, key, masks);
        }
        let mut base_url = cleared.url;
        let wire = provider.wire_at(&mut base_url).unwrap_or(wire);
        Ok(Target { wire, base_url: with_slash(base_url), key, way: cleared.way })
    }
}

/// Parts of a key may come back without the others.
fn mask(wire: &dyn Wire, key: &str, masks: &mut Masks) {
    wire.secrets(key).into_iter().for_each(|secret| masks.add(secret));
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
