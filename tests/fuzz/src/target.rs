use crate::memory;

/// A reader of untrusted bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its folder in `corpus/`.
    pub name: &'static str,
    /// Most bytes of an input that is worth trying.
    pub most: usize,
    /// Gives bytes to the reader.
    pub run: fn(&[u8]),
    /// Inputs that are right: others are made of them.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Most bytes of memory that reading so many bytes may take at once, beside those bytes: `docs/security.md`.
pub fn allowed(length: usize) -> usize {
    2 * length + (64 << 20)
}

impl Target {
    /// Gives bytes to the reader, and panics if it takes more memory than [`allowed`].
    pub fn check(&self, bytes: &[u8]) {
        let (peak, ()) = memory::peak(|| (self.run)(bytes));
        let most = allowed(bytes.len());
        assert!(
            peak <= most,
            "{}: {peak} bytes of memory for an input of {}, more than {most}",
            self.name,
            bytes.len()
        );
    }
}
