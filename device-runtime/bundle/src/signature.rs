use crate::source::Source;
use crate::{Bundle, BundleError};
use ed25519_dalek::{Signature, VerifyingKey};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The key of those whose bundles an app trusts: an Ed25519 public key (RFC 8032), usually compiled into the app.
///
/// ```
/// use nestling_bundle::PublicKey;
/// // The 32 bytes of the first test vector of RFC 8032, 7.1.
/// let key: PublicKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".parse()?;
/// assert!(key.verify(b"", &[0; 64]).is_err());
/// # Ok::<(), nestling_bundle::BundleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of these 32 bytes.
    ///
    /// # Errors
    /// [`BundleError::Signature`] if they are no point of the curve.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, BundleError> {
        VerifyingKey::from_bytes(bytes).map(Self).map_err(|_| fault("the public key is no key of Ed25519"))
    }

    /// Whether the owner of the key signed these very bytes.
    ///
    /// # Errors
    /// [`BundleError::Signature`] if the signature has not 64 bytes or is another one's.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<(), BundleError> {
        let given = signature.len();
        let signature = Signature::from_slice(signature)
            .map_err(|_| fault(&format!("the signature has {given} bytes, and one of Ed25519 has 64")))?;
        self.0
            .verify_strict(bytes, &signature)
            .map_err(|_| fault("the signature is not that of this key and these bytes"))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = BundleError;

    /// Reads 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, BundleError> {
        let wrong = || fault("a public key is written in 64 hexadecimal digits");
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(wrong());
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            *byte = digit(0).zip(digit(1)).map(|(high, low)| (high * 16 + low) as u8).ok_or_else(wrong)?;
        }
        Self::new(&bytes)
    }
}

fn fault(problem: &str) -> BundleError {
    BundleError::Signature { problem: problem.to_owned() }
}

impl Bundle {
    /// Opens a file whose signature lies beside it: 64 bytes in a file of the same name with `.sig` behind it. Nothing
    /// of the bundle is read before its signature is right. The whole file is then in memory, so that the bytes that are
    /// used later are those that were signed.
    ///
    /// # Errors
    /// [`BundleError::Signature`], [`BundleError::Open`] of either file, and those of [`Bundle::open`].
    pub fn open_signed(path: impl AsRef<Path>, key: &PublicKey) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let read = |path: &Path| {
            let open = |source| BundleError::Open { path: path.to_owned(), source };
            let length = std::fs::metadata(path).map_err(open)?.len();
            crate::atomic_file::read_at_most(path, length).map_err(open)
        };
        let (signature, bytes) = (read(&signature_of(path))?, read(path)?);
        key.verify(&bytes, &signature)?;
        Self::verify(Source::Memory(bytes))
    }

    /// The same for bytes that are in memory, which are copied.
    ///
    /// # Errors
    /// [`BundleError::Signature`], and those of [`Bundle::from_bytes`].
    pub fn from_signed_bytes(bytes: &[u8], signature: &[u8], key: &PublicKey) -> Result<Self, BundleError> {
        key.verify(bytes, signature)?;
        Self::from_bytes(bytes)
    }
}

/// Where the signature of a bundle lies.
fn signature_of(bundle: &Path) -> PathBuf {
    let mut name = OsString::from(bundle);
    name.push(".sig");
    name.into()
}
