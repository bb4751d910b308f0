//! What can be read, and in which words it is said when it cannot.

use rcgen::{CertificateParams, KeyPair as Key, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};

use fg_base::Text;

use super::*;

const NAMES: [&str; 2] = ["tls.crt", "tls.key"];

/// A self-signed certificate and its key, in PEM.
fn made(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = Key::generate_for(algorithm).expect("a key");
    let mut parameters = CertificateParams::new(names).expect("names");
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let certificate = parameters.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

fn flaw(chain: &str, key: &str) -> String {
    key_pair(NAMES, chain.as_bytes(), key.as_bytes())
        .expect_err("it cannot be used")
        .to_string()
}

#[test]
fn a_chain_and_its_key_are_read() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let (chain, key) = made(&["A.example", "*.b.example"], algorithm);
        let (above, _) = made(&["issuer"], &PKCS_ECDSA_P256_SHA256);
        let chain = format!("words before\n{chain}{above}");
        let pair = key_pair(NAMES, chain.as_bytes(), key.as_bytes()).expect("it is good");
        assert_eq!(pair.chain.len(), 2);
        assert_eq!(
            pair.facts.names,
            [Text::from("a.example"), "*.b.example".into()]
        );
        assert_eq!(pair.facts.from, 1_577_836_800);
        assert_eq!(pair.facts.until, 1_609_459_200);
        assert!(!format!("{pair:?}").contains("PRIVATE"));
    }
}

#[test]
fn names_cover_one_label() {
    let facts = Facts {
        names: vec!["a.example".into(), "*.b.example".into()],
        ..Facts::default()
    };
    let covered = ["a.example", "x.b.example", "*.b.example"];
    assert!(covered.iter().all(|host| facts.covers(host)));
    let others = [
        "b.example",
        "x.y.b.example",
        "x.a.example",
        "*.a.example",
        ".b.example",
    ];
    assert!(!others.iter().any(|host| facts.covers(host)));
}

#[test]
fn flaws_are_told_in_words() {
    let (chain, key) = made(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    let (_, other) = made(&["a.example"], &PKCS_ECDSA_P256_SHA256);
    assert_eq!(
        flaw(&chain, &other),
        "`tls.key` does not belong to the first certificate of `tls.crt`"
    );
    assert_eq!(flaw("", &key), "`tls.crt` holds no certificate in PEM");
    assert_eq!(flaw(&key, &key), "`tls.crt` holds no certificate in PEM");
    assert_eq!(
        flaw(&chain, &chain),
        "`tls.key` holds no private key in PEM"
    );
    assert_eq!(
        flaw(&chain[..chain.len() / 2], &key),
        "`tls.crt` is cut off: a line `-----BEGIN …-----` has no `-----END …-----`"
    );
    let garbled = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    assert_eq!(
        flaw(garbled, &key),
        "`tls.crt` is no PEM: its base64 is broken"
    );
    let hello = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    assert_eq!(flaw(hello, &key), "certificate 1 of `tls.crt` is broken");
    let hello = "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n";
    assert!(flaw(&chain, hello).starts_with("the key in `tls.key` is broken"));
    let sealed =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        flaw(&chain, sealed),
        "the key in `tls.key` is encrypted; write it without a passphrase"
    );
    let long = chain.repeat(LONGEST_CHAIN + 1);
    assert_eq!(
        flaw(&long, &key),
        "`tls.crt` holds more than 16 certificates"
    );
}

#[test]
fn authorities_are_read_each_once() {
    let (one, _) = made(&["one"], &PKCS_ECDSA_P256_SHA256);
    let (two, key) = made(&["two"], &PKCS_ECDSA_P256_SHA256);
    let found = authorities("ca.crt", format!("{one}{two}{one}").as_bytes()).expect("good");
    assert_eq!(found.certificates.len(), 2);
    assert_eq!(found.facts.until, 1_609_459_200);
    let flaw = |text: &str| {
        authorities("ca.crt", text.as_bytes())
            .expect_err("bad")
            .to_string()
    };
    assert_eq!(flaw(&key), "`ca.crt` holds no certificate in PEM");
    let hello = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    assert_eq!(
        flaw(&format!("{one}{hello}")),
        "certificate 2 of `ca.crt` is broken"
    );
}
