use crate::Kernel;
use nestling_core::weights::WeightStorage;
use std::sync::LazyLock;
use xxhash_rust::xxh3::Xxh3;

/// Texts are generated once: every start compares a profile with it.
static FINGERPRINT: LazyLock<u128> = LazyLock::new(|| {
    let variants = (Kernel::ALL.into_iter())
        .flat_map(|kernel| kernel.examples().into_iter().map(move |example| (kernel, example)))
        .flat_map(|(kernel, example)| WeightStorage::ALL.map(|storage| example.wgsl(kernel, storage)));
    of(variants)
});

/// Fingerprint of the WGSL of all kernels with every storage of the weights: other texts have another.
pub fn fingerprint() -> u128 {
    *FINGERPRINT
}

fn of(texts: impl Iterator<Item = String>) -> u128 {
    let mut hasher = Xxh3::new();
    for text in texts {
        // Its length first: a line that moves from one text to the next is a change.
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_text_changes_the_fingerprint() {
        let of = |texts: &[&str]| of(texts.iter().map(|&text| text.to_owned()));
        let variants: [&[&str]; 6] =
            [&["ab", "c"], &["a", "bc"], &["c", "ab"], &["ab", "d"], &["ab", "c", ""], &["ab"]];
        for (index, one) in variants.iter().enumerate() {
            assert!(variants[..index].iter().all(|other| of(other) != of(one)), "{one:?}");
        }
        assert_eq!(fingerprint(), fingerprint());
    }
}
