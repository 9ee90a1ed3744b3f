//! Files with right checksums around parts that may be anything, by `docs/bundle-format.md` alone: nothing of the reader
//! is used.

use xxhash_rust::xxh3::xxh3_128;

const MAGIC: [u8; 8] = *b"\x89NEST\r\n\x1a";
/// Bytes before the table, of a row of it, and what sections begin at multiples of.
const TABLE: usize = 16;
const ROW: usize = 40;
const ALIGNMENT: usize = 64;

/// A bundle's format and sections, each with its kind.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Format version.
    pub format: u32,
    /// Kind and bytes of each section, in order.
    pub sections: Vec<(u64, Vec<u8>)>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// The parts of a file, if its table makes sense.
pub fn parts_of(file: &[u8]) -> Option<Parts> {
    let format = u32::from_le_bytes(number(file, 8)?);
    let count = u32::from_le_bytes(number(file, 12)?) as usize;
    let section = |row: usize| {
        let at = TABLE + row * ROW;
        let [kind, offset, length] = [at, at + 8, at + 16].map(|at| number(file, at).map(u64::from_le_bytes));
        let (offset, length) = (usize::try_from(offset?).ok()?, usize::try_from(length?).ok()?);
        Some((kind?, file.get(offset..offset.checked_add(length)?)?.to_vec()))
    };
    let sections = (0..count.min(64)).map(section).collect::<Option<Vec<_>>>()?;
    Some(Parts { format, sections })
}

/// The file of these parts, whatever they are.
pub fn file_of(parts: &Parts) -> Vec<u8> {
    let count = parts.sections.len();
    let header = (TABLE + count * ROW + 16).next_multiple_of(ALIGNMENT);
    let mut file = MAGIC.to_vec();
    file.extend(parts.format.to_le_bytes());
    file.extend((count as u32).to_le_bytes());
    let mut end = header;
    for (kind, body) in &parts.sections {
        let offset = end.next_multiple_of(ALIGNMENT);
        file.extend([*kind, offset as u64, body.len() as u64].map(u64::to_le_bytes).concat());
        file.extend(xxh3_128(body).to_le_bytes());
        end = offset + body.len();
    }
    file.extend(xxh3_128(&file).to_le_bytes());
    file.resize(header, 0);
    for (_, body) in &parts.sections {
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend_from_slice(body);
    }
    file
}

/// Numbers and bytes of the fields of a manifest of format 6 or newer, as far as they go.
pub fn fields_of(mut manifest: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut fields = Vec::new();
    while let (Some(field), Some(length)) = (number(manifest, 0), number(manifest, 4)) {
        let length = u32::from_le_bytes(length) as usize;
        let Some(bytes) = manifest.get(8..).and_then(|rest| rest.get(..length)) else { break };
        fields.push((u32::from_le_bytes(field), bytes.to_vec()));
        manifest = &manifest[8 + length..];
    }
    fields
}

/// The manifest of these fields.
pub(crate) fn manifest_of(fields: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let field = |(number, bytes): &(u32, Vec<u8>)| {
        [&number.to_le_bytes()[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
    };
    fields.iter().flat_map(field).collect()
}

/// The right checksums in the place of those of a file whose header is a header: of each section that lies within it,
/// and of the header itself.
pub(crate) fn reseal(file: &mut [u8]) {
    let Some(count) = number(file, 12).map(|bytes| (u32::from_le_bytes(bytes) as usize).min(64)) else { return };
    let end = TABLE + count * ROW;
    if file.len() < end + 16 {
        return;
    }
    for row in 0..count {
        let at = TABLE + row * ROW;
        let [Some(offset), Some(length)] =
            [at + 8, at + 16].map(|at| number(file, at).map(|bytes| u64::from_le_bytes(bytes) as usize))
        else {
            return;
        };
        let Some(body) = offset.checked_add(length).and_then(|end| file.get(offset..end)) else { continue };
        let sum = xxh3_128(body).to_le_bytes();
        file[at + 24..at + 40].copy_from_slice(&sum);
    }
    let sum = xxh3_128(&file[..end]).to_le_bytes();
    file[end..end + 16].copy_from_slice(&sum);
}
