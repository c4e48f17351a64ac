//! `hash`: the digest of a text, or its HMAC.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputFields, OutputType, Plan, Role, Touches,
};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::{FieldSpec, FieldType};
use crate::run::hex;

const TEXT: FieldSpec =
    FieldSpec::new("text", FieldType::Text, "what is hashed, as UTF-8").required();
const ALGORITHM: FieldSpec = FieldSpec::with_default(
    "algorithm",
    FieldType::OneOf(&["sha256", "sha512", "sha1", "md5"]),
    "sha256",
    "`sha1` and `md5` are broken, and there for servers that ask for them",
);
const KEY: FieldSpec = FieldSpec::new(
    "key",
    FieldType::Text,
    "the key of an HMAC, by a reference; not empty. Without it, a plain digest is made",
);
const ENCODING: FieldSpec = FieldSpec::with_default(
    "encoding",
    FieldType::OneOf(&["hex", "base64"]),
    "hex",
    "of the digest",
);

const FIELDS: &[FieldSpec] = &[TEXT, ALGORITHM, KEY, ENCODING];

const DETAILS: &str = "\
A secret cannot be the `key`: secrets are filled in only on the way out, and a digest made of
one stays in the run. A key that is not secret may come by a reference.";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "hash".into(),
        summary: "Makes the digest of a text, or its HMAC.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| OutputFields::only(&[("digest", OutputType::Text)]),
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/text"]),
        example: "{ id: fingerprint, type: hash, text: \"<api.email>\", algorithm: sha256 }".into(),
        read: Arc::new(|fields| Box::new(Hash::read(fields))),
    }
}

#[derive(Debug)]
struct Hash {
    text: Text,
    algorithm: Algorithm,
    key: Option<Text>,
    is_base64: bool,
}

#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Sha256,
    Sha512,
    Sha1,
    Md5,
}

impl Hash {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let algorithm = match fields.string(&ALGORITHM) {
            Some("sha512") => Algorithm::Sha512,
            Some("sha1") => Algorithm::Sha1,
            Some("md5") => Algorithm::Md5,
            _ => Algorithm::Sha256,
        };
        Self {
            text: fields.text(&TEXT).unwrap_or_default(),
            algorithm,
            key: fields.text(&KEY),
            is_base64: fields.string(&ENCODING) == Some("base64"),
        }
    }
}

impl Node for Hash {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let text = self.text.render_string(scope)?;
        let key = self.key.as_ref().map(|key| key.render_string(scope)).transpose()?;
        // What was meant to be signed must not go out with a signature that anyone can make.
        if key.as_ref().is_some_and(String::is_empty) {
            return Err(NodeError::new("invalid_field", "`key` is empty"));
        }
        let digest = self.algorithm.digest(text.as_bytes(), key.as_ref().map(String::as_bytes));
        let digest = if self.is_base64 { STANDARD.encode(&digest) } else { hex(&digest) };
        Ok(Plan::done(json!({ "digest": digest })))
    }
}

impl Algorithm {
    fn digest(self, text: &[u8], key: Option<&[u8]>) -> Vec<u8> {
        match (self, key) {
            (Self::Sha256, None) => Sha256::digest(text).to_vec(),
            (Self::Sha512, None) => Sha512::digest(text).to_vec(),
            (Self::Sha1, None) => Sha1::digest(text).to_vec(),
            (Self::Md5, None) => Md5::digest(text).to_vec(),
            (Self::Sha256, Some(key)) => mac::<Hmac<Sha256>>(key, text),
            (Self::Sha512, Some(key)) => mac::<Hmac<Sha512>>(key, text),
            (Self::Sha1, Some(key)) => mac::<Hmac<Sha1>>(key, text),
            (Self::Md5, Some(key)) => mac::<Hmac<Md5>>(key, text),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key).expect("a key of an HMAC has any length");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::run::tests::{error, output};
    use crate::{Document, Workflow};

    fn yaml(fields: &Value) -> String {
        let mut node = json!({ "id": "x", "type": "hash", "text": "<api.input.t>" });
        node.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "nodes": [node] }).to_string()
    }

    fn check(fields: Value, text: &str, expected: &str) {
        let given = output(&yaml(&fields), json!({ "t": text, "k": "Jefe" }));
        assert_eq!(given, json!({ "digest": expected }), "{fields}");
    }

    /// As `printf … | sha256sum` and the like, and RFC 2202 and 4231 have them.
    #[test]
    fn digests_are_those_of_others() {
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(json!({}), "abc", sha256);
        check(json!({"encoding": "base64"}), "abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        check(json!({"algorithm": "sha1"}), "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check(json!({"algorithm": "md5"}), "abc", "900150983cd24fb0d6963f7d28e17f72");
        check(json!({"algorithm": "md5"}), "", "d41d8cd98f00b204e9800998ecf8427e");
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        check(json!({"algorithm": "sha512"}), "abc", sha512);
        let text = "what do ya want for nothing?";
        let mac = |algorithm: &str| json!({"algorithm": algorithm, "key": "<api.input.k>"});
        let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        check(mac("sha256"), text, sha256);
        check(mac("sha1"), text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        check(mac("md5"), text, "750c783e6ab0b503eaa86e310a5db738");
        let sha512 = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                      9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
        check(mac("sha512"), text, sha512);
    }

    #[test]
    fn a_key_is_there_and_no_secret() {
        let failure = error(&yaml(&json!({"key": "<api.input.gone>"})), json!({"t": "x"}));
        assert_eq!(failure.code, "invalid_field");
        let document = Document::parse(&yaml(&json!({"key": "{{KEY}}"}))).unwrap();
        let (workflow, problems) = Workflow::compile(&document);
        assert!(workflow.is_none() && problems[0].message.contains("cannot be used here"));
    }
}
