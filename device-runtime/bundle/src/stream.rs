use crate::format::SHELL_FORMAT;
use crate::header::{self, Shared, Table};
use crate::source::Source;
use crate::verify::check;
use crate::{Bundle, BundleError, wire};
use nestling_core::room;
use xxhash_rust::xxh3::xxh3_128;

/// A bundle that arrives piece by piece, such as a download: it can be opened before all of it is there.
///
/// A bundle of format 8 begins with what its smallest child needs. Each further shell makes bigger children usable; the
/// images that only calibration needs come last. Bundles of older formats can be opened once they are whole.
///
/// ```
/// # fn example(mut pieces: impl Iterator<Item = Vec<u8>>) -> Result<(), nestling_bundle::BundleError> {
/// use nestling_bundle::BundleStream;
/// let mut stream = BundleStream::default();
/// for piece in pieces {
///     let before = stream.arrived_children();
///     stream.push(&piece)?;
///     if stream.arrived_children() > before {
///         if let Some(bundle) = stream.bundle()? {
///             println!("{} children can run", bundle.calibrated().len()); // open a runtime with it, or grow one
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct BundleStream {
    bytes: Vec<u8>,
    table: Option<Table>,
    /// Sections that have arrived and were verified.
    sections: usize,
    /// For each shell the children that run once it is there; empty until the manifest is there, and in old formats.
    served: Vec<u32>,
}

impl BundleStream {
    /// Takes the next bytes, and verifies each section as soon as its last byte is there.
    ///
    /// # Errors
    /// [`BundleError`] as soon as the bytes cannot be a bundle any more; give it no further ones then.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), BundleError> {
        // Twice what is there, as `Vec` would: many small pieces must not copy all of them each time.
        let more =
            if self.bytes.capacity() - self.bytes.len() < piece.len() { piece.len().max(self.bytes.len()) } else { 0 };
        room::reserve(&mut self.bytes, more).or_else(|_| room::reserve(&mut self.bytes, piece.len()))?;
        self.bytes.extend_from_slice(piece);
        if self.bytes.is_empty() {
            return Ok(());
        }
        if self.table.is_none() {
            match header::length(&self.bytes).and_then(|_| header::table(&self.bytes)) {
                Ok(table) => self.table = Some(table),
                Err(BundleError::Truncated { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.verify()
    }

    /// Verifies the sections that have arrived since.
    fn verify(&mut self) -> Result<(), BundleError> {
        let Some(table) = &self.table else { return Ok(()) };
        let (given, expected) = (self.bytes.len() as u64, table.end());
        if given > expected {
            return Err(BundleError::TooLong { given, expected });
        }
        let mut end = match self.sections {
            0 => header::length(&self.bytes)?,
            count => table.sections().nth(count - 1).map_or(0, |last| last.range.end),
        };
        for section in table.sections().skip(self.sections) {
            let Some(body) = self.bytes.get(section.range.start as usize..section.range.end as usize) else { break };
            let padding = &self.bytes[end as usize..section.range.start as usize];
            check(table.version, section, xxh3_128(body), padding)?;
            if section.kind == header::MANIFEST && table.version >= SHELL_FORMAT {
                self.served = wire::v6::shells(body)?.served;
            }
            end = section.range.end;
            self.sections += 1;
        }
        Ok(())
    }

    /// Bytes that have arrived.
    pub fn arrived_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Bytes of the whole bundle; `None` before its header has arrived.
    pub fn expected_bytes(&self) -> Option<u64> {
        self.table.as_ref().map(Table::end)
    }

    /// Children that run with what has arrived, the first of [`Bundle::children`]; 0 before a bundle can be opened.
    pub fn arrived_children(&self) -> usize {
        let shells = self.sections.saturating_sub(1).min(self.served.len());
        shells.checked_sub(1).map_or(0, |last| self.served[last] as usize)
    }

    /// Whether every byte has arrived.
    pub fn is_whole(&self) -> bool {
        self.table.as_ref().is_some_and(|table| self.sections == table.sections().count())
    }

    /// The whole bundle, without a copy of its bytes.
    ///
    /// # Errors
    /// [`BundleError::Truncated`] if bytes are missing, [`BundleError`] otherwise, as [`Bundle::open`].
    pub fn finish(self) -> Result<Bundle, BundleError> {
        Bundle::verify(Source::Memory(self.bytes))
    }

    /// The bundle of what has arrived: `None` until a child can run. Copies the bytes.
    ///
    /// # Errors
    /// [`BundleError`], as [`Bundle::open`].
    pub fn bundle(&self) -> Result<Option<Bundle>, BundleError> {
        let Some(table) = &self.table else { return Ok(None) };
        if self.is_whole() {
            return Bundle::from_bytes(&self.bytes).map(Some);
        }
        let Shared::Shells(sections) = &table.shared else { return Ok(None) };
        let arrived = self.sections.saturating_sub(1).min(sections.len());
        let Some(last) = arrived.checked_sub(1) else { return Ok(None) };
        let bytes = room::copied(&self.bytes[..sections[last].range.end as usize])?;
        Bundle::arrived(Source::Memory(bytes), table.clone(), arrived).map(Some)
    }
}
