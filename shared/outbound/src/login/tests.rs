use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flowgate_core::login::ServiceAccount;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_service_account_signs_what_google_asks_for() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let body: Vec<String> = STANDARD
        .encode(der.as_ref())
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", body.join("\n"));
    let account = ServiceAccount {
        token_url: "https://oauth2.googleapis.com/token".to_owned(),
        client_email: "robot@example.iam.gserviceaccount.com".to_owned(),
        private_key: pem,
        private_key_id: Some("k1".to_owned()),
        scope: "https://www.googleapis.com/auth/spreadsheets".to_owned(),
        subject: Some("ada@example.com".to_owned()),
    };
    let token = assertion::signed(&account, Timestamp(1_800_000_000_999)).unwrap();
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}")
    };
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(read(header), json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    assert_eq!(
        read(claims),
        json!({
            "iss": "robot@example.iam.gserviceaccount.com",
            "sub": "ada@example.com",
            "scope": "https://www.googleapis.com/auth/spreadsheets",
            "aud": "https://oauth2.googleapis.com/token",
            "iat": 1_800_000_000,
            "exp": 1_800_003_600,
        })
    );
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
    let signed = format!("{header}.{claims}");
    public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();

    for bad in ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        let account = ServiceAccount { private_key: bad.to_owned(), ..account.clone() };
        let error = assertion::signed(&account, Timestamp(0)).unwrap_err();
        assert_eq!(error.code, "login_refused");
    }
}
