use super::*;
use crate::system::SystemEntropy;

fn credentials(refresh: Option<&str>) -> Credentials {
    let grant = Grant::OAuth2(OAuth2 {
        token_url: "https://vendor.example:8443/token".into(),
        client_id: "id".into(),
        client_secret: Some("CLIENT-SECRET".into()),
        refresh_token: refresh.map(str::to_owned),
        scope: None,
        client: ClientAuth::Basic,
        body: BodyForm::Json,
    });
    Credentials { grant, rule: SecretRule::default(), access: None }
}

fn token(since: i64, ends_at: Option<i64>) -> AccessToken {
    AccessToken { token: "ACCESS".into(), since: Timestamp(since), ends_at: ends_at.map(Timestamp) }
}

#[test]
fn a_token_is_renewed_two_minutes_before_its_end_or_after_half_its_life() {
    let check = |ends_at: Option<i64>, expected: Option<i64>| {
        assert_eq!(token(1_000, ends_at).renew_at(), expected.map(Timestamp), "{ends_at:?}");
    };
    check(None, None);
    check(Some(3_601_000), Some(3_481_000));
    check(Some(241_000), Some(121_000));
    check(Some(61_000), Some(31_000));
    check(Some(1_000), Some(1_000));
    check(Some(0), Some(0));
}

#[test]
fn only_the_key_and_the_name_open_a_login() {
    let key = LoginKey::random(&SystemEntropy);
    let change = Change { key: &key, entropy: &SystemEntropy, now: Timestamp(5) };
    let stored = Credentials { access: Some(token(1, Some(9))), ..credentials(Some("REFRESH")) };
    let login = Login::begun(change, "NAME", &stored, None).unwrap();
    assert_eq!(login.open(&key).unwrap(), stored);
    for shown in [format!("{login:?}"), format!("{stored:?}"), format!("{key:?}")] {
        for secret in ["ACCESS", "REFRESH", "CLIENT-SECRET", key.as_str()] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert_eq!(
        stored.secrets().collect::<Vec<_>>(),
        ["ACCESS", "CLIENT-SECRET", "REFRESH"],
        "what is masked"
    );
    assert!(login.open(&LoginKey::random(&SystemEntropy)).is_err());
    let moved = Login { name: "OTHER".into(), ..login };
    assert!(moved.open(&key).is_err());
}

#[test]
fn each_write_is_the_next_revision_and_only_new_tokens_change_what_is_sealed() {
    let key = LoginKey::random(&SystemEntropy);
    let change = Change { key: &key, entropy: &SystemEntropy, now: Timestamp(5) };
    let begun = Login::begun(change, "NAME", &credentials(Some("R")), None).unwrap();
    assert_eq!((begun.revision, begun.info.logged_in_at), (1, Some(Timestamp(5))));
    assert_eq!(begun.info.token_host, "vendor.example:8443");

    let leased = begun.leased(OwnerToken("me".into()), Timestamp(100));
    assert!(leased.is_leased(Timestamp(99)) && !leased.is_leased(Timestamp(100)));
    let ended = leased.ended(Timestamp(7), "invalid_grant".into());
    assert!(ended.lease.is_none() && ended.info.expired.is_some());
    assert_eq!((leased.revision, ended.revision), (2, 3));
    assert_eq!((&leased.sealed, &ended.sealed), (&begun.sealed, &begun.sealed));

    let renewed = ended.renewed(change, &credentials(Some("R"))).unwrap();
    assert_ne!(renewed.sealed, begun.sealed, "sealed again, the same reads differently");
    assert_eq!(renewed.info.expired, None);
    assert_eq!(renewed.info.logged_in_at, Some(Timestamp(5)));
}

#[test]
fn a_login_without_tokens_was_never_logged_in() {
    let key = LoginKey::random(&SystemEntropy);
    let change = Change { key: &key, entropy: &SystemEntropy, now: Timestamp(5) };
    let begun = Login::begun(change, "NAME", &credentials(None), None).unwrap();
    assert_eq!(begun.info.logged_in_at, None);
}

#[test]
fn only_the_state_opens_a_login_that_has_begun() {
    let begun = BegunLogin {
        credentials: credentials(None),
        verifier: Some("v".into()),
        redirect_uri: "https://flowgate.example/v1/oauth/callback".into(),
        key_id: "k".into(),
        logins: 3,
    };
    let state = LoginState::random(&SystemEntropy);
    let sealed = state.seal(&SystemEntropy, &begun).unwrap();
    let read = LoginState::parse(state.as_str()).unwrap();
    assert!(read.open(&sealed).unwrap() == begun && read.hash() == state.hash());
    let other = LoginState::random(&SystemEntropy);
    assert!(other.open(&sealed).is_err() && other.hash() != state.hash());
    for text in ["", "x", &state.as_str()[1..], &format!("{}A", state.as_str()), "\u{e4}"] {
        assert!(LoginState::parse(text).is_none(), "{text}");
    }
}

/// The example of RFC 7636, appendix B, with its 32 bytes.
#[test]
fn a_challenge_is_the_hash_of_its_verifier() {
    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&[
                116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22,
                212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
            ]);
        }
    }
    let (verifier, challenge) = verifier_and_challenge(&Fixed);
    assert_eq!(verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}
