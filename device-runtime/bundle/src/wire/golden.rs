//! The section of golden pictures: values in postcard, one after the other. A count of pictures, a name and the bytes
//! of each; a count of children, and of each its place among the manifest's children and the bytes of its logits, f32,
//! picture by picture. Counts and lengths are checked before anything is allocated.

use super::to_bytes;
use crate::{BundleError, GoldenChild, GoldenPicture, GoldenPictures, Manifest};
use nestling_core::room;
use serde::Deserialize;

/// The section's bytes.
pub(crate) fn encode(golden: &GoldenPictures, manifest: &Manifest) -> Result<Vec<u8>, BundleError> {
    golden.check(manifest.labels.len())?;
    let mut section = to_bytes(&(golden.pictures.len() as u32))?;
    for GoldenPicture { name, bytes } in &golden.pictures {
        section.extend(to_bytes(&(name, bytes))?);
    }
    section.extend(to_bytes(&(golden.children.len() as u32))?);
    for GoldenChild { child, logits } in &golden.children {
        let place = manifest.children.iter().position(|entry| entry.name == *child).ok_or_else(|| {
            BundleError::Inconsistent { problem: format!("golden answers of child `{child}`, which does not ship") }
        })?;
        let bytes: Vec<u8> = logits.iter().flatten().flat_map(|logit| logit.to_le_bytes()).collect();
        section.extend(to_bytes(&(place as u32, bytes))?);
    }
    Ok(section)
}

/// The pictures of a section whose length was checked.
pub(crate) fn decode(section: &[u8], manifest: &Manifest) -> Result<GoldenPictures, BundleError> {
    let mut values = Values(section);
    let mut pictures = Vec::new();
    for _ in 0..values.count(GoldenPictures::MAX_PICTURES, "golden pictures")? {
        let (name, bytes): (&str, &[u8]) = values.next()?;
        GoldenPictures::check_length(name, bytes.len())?;
        pictures.push(GoldenPicture { name: name.to_owned(), bytes: room::copied(bytes)? });
    }
    let mut children = Vec::new();
    for _ in 0..values.count(GoldenPictures::MAX_CHILDREN, "children with golden answers")? {
        let (place, bytes): (u32, &[u8]) = values.next()?;
        let entry = manifest.children.get(place as usize).ok_or_else(|| {
            unreadable(format!("golden answers of child {place}, but {} ship", manifest.children.len()))
        })?;
        let answer = 4 * manifest.labels.len();
        if answer == 0 || bytes.len() != pictures.len() * answer {
            return Err(unreadable(format!("{} bytes of golden answers of child `{}`", bytes.len(), entry.name)));
        }
        let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let logits = bytes.chunks_exact(answer).map(|one| one.chunks_exact(4).map(number).collect());
        children.push(GoldenChild { child: entry.name.clone(), logits: logits.collect() });
    }
    if !values.0.is_empty() {
        return Err(unreadable(format!("{} bytes follow the golden pictures", values.0.len())));
    }
    let golden = GoldenPictures { pictures, children };
    golden.check(manifest.labels.len())?;
    Ok(golden)
}

fn unreadable(problem: String) -> BundleError {
    BundleError::Inconsistent { problem }
}

/// Values that follow each other. Strings and bytes are borrowed.
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    fn next<T: Deserialize<'a>>(&mut self) -> Result<T, BundleError> {
        let (value, rest) = postcard::take_from_bytes(self.0)
            .map_err(|error| unreadable(format!("the golden pictures cannot be read ({error})")))?;
        self.0 = rest;
        Ok(value)
    }

    fn count(&mut self, most: usize, name: &str) -> Result<u32, BundleError> {
        let count: u32 = self.next()?;
        if count as usize > most { Err(unreadable(format!("{count} {name}, at most {most}"))) } else { Ok(count) }
    }
}
