//! Signed bundles: the right key and the very bytes, or an error.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
#![cfg(feature = "signatures")]

use ed25519_dalek::{Signer, SigningKey};
use nestling_bundle::{Bundle, BundleError, PublicKey};

const FILE: &[u8] = include_bytes!("../../../tests/golden/bundle-v8.nestling");

fn signed(seed: u8) -> (PublicKey, [u8; 64]) {
    let own = SigningKey::from_bytes(&[seed; 32]);
    (PublicKey::new(&own.verifying_key().to_bytes()).unwrap(), own.sign(FILE).to_bytes())
}

fn refused(outcome: Result<Bundle, BundleError>) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, BundleError::Signature { .. }) && error.code() == "bundle_signature", "{error}");
}

#[test]
fn only_the_very_bytes_that_the_key_signed_are_read() {
    let (key, signature) = signed(1);
    let bundle = Bundle::from_signed_bytes(FILE, &signature, &key).unwrap();
    assert_eq!(bundle.id(), Bundle::from_bytes(FILE).unwrap().id());
    refused(Bundle::from_signed_bytes(FILE, &signature, &signed(2).0));
    refused(Bundle::from_signed_bytes(FILE, &signature[..63], &key));
    refused(Bundle::from_signed_bytes(&FILE[..FILE.len() - 1], &signature, &key));
    for at in [0, 9, FILE.len() / 2, FILE.len() - 1] {
        let mut other = FILE.to_vec();
        other[at] ^= 1;
        refused(Bundle::from_signed_bytes(&other, &signature, &key));
    }
    for at in 0..64 {
        let mut other = signature;
        other[at] ^= 1;
        refused(Bundle::from_signed_bytes(FILE, &other, &key));
    }
}

#[test]
fn a_signature_lies_beside_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.nestling");
    let (key, signature) = signed(1);
    std::fs::write(&path, FILE).unwrap();
    assert_eq!(Bundle::open_signed(&path, &key).unwrap_err().code(), "bundle_open");
    std::fs::write(folder.path().join("net.nestling.sig"), signature).unwrap();
    let bundle = Bundle::open_signed(&path, &key).unwrap();
    // The bytes that were signed are in memory: whatever becomes of the file.
    std::fs::write(&path, b"another").unwrap();
    assert_eq!(bundle.weights().unwrap().len(), bundle.layout().len());
}

#[test]
fn a_key_is_32_bytes_or_64_digits() {
    let text = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let key: PublicKey = text.parse().unwrap();
    assert_eq!(text.to_uppercase().parse::<PublicKey>().unwrap(), key);
    for wrong in ["", "d7", &text[1..], &text.replace('d', "g"), &"é".repeat(32)] {
        assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
    }
    // The second point of RFC 8032's encoding that is none: y of 2 has no x.
    let mut none = [0; 32];
    none[0] = 2;
    assert!(PublicKey::new(&none).is_err());
}
