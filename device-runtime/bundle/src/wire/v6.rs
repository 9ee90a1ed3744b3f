//! The manifest of formats 6 to 8: numbered fields. Each is its number (u32), its length in bytes (u32) and its bytes,
//! one value in postcard. Numbers rise; a reader skips those that it does not know.

use super::few::{Few, MAX_CHILDREN, MAX_LABELS, MAX_TABLES};
use super::{ChildEntry, Coded, Images, Predictor, Preprocessing, Shells, Space, Split, Table, Trained, to_bytes};
use crate::format::SHELL_FORMAT;
use crate::{BundleError, Manifest};
use nestling_core::image::Fit;
use nestling_core::weights::WeightStorage;
use serde::Deserialize;

/// Number of a field, and its name in errors. A number is never given to another field.
#[derive(Clone, Copy)]
struct Field(u32, &'static str);

const NAME: Field = Field(1, "name");
const PROVENANCE: Field = Field(2, "provenance");
const SPACE: Field = Field(3, "search space");
const PREPROCESSING: Field = Field(4, "preprocessing");
const LABELS: Field = Field(5, "labels");
const CHILDREN: Field = Field(6, "children");
const LATENCY_TABLES: Field = Field(7, "latency tables");
const TRAINED: Field = Field(8, "trained children");
const WEIGHT_STORAGE: Field = Field(9, "weight storage");
const ACCURACY_PREDICTOR: Field = Field(10, "accuracy predictor");
const IMAGES: Field = Field(11, "images");
/// From format 7 on: a reader that overlooks it would read other pixels.
const FIT: Field = Field(12, "fit");
/// A reader that overlooks it only asks how the pictures were divided.
const SPLIT: Field = Field(13, "data split");
/// From format 8 on, and never missing there.
const SHELLS: Field = Field(14, "shells");
/// Fields up to this are known here.
const LAST_KNOWN: u32 = SHELLS.0;

/// The manifest that the section holds.
pub(super) fn decode(format: u32, section: &[u8]) -> Result<Manifest, BundleError> {
    let fields = Fields::split(section)?;
    let fit = fields.find(FIT)?.map_or(Ok(Fit::Crop), Fit::from_code)?;
    if format < format_for(fit) {
        let problem = format!("the manifest has the fit `{fit}`, which format {format} does not know");
        return Err(BundleError::Inconsistent { problem });
    }
    if format < SHELL_FORMAT && fields.find::<Shells>(SHELLS)?.is_some() {
        let problem = format!("the manifest has shells, which format {format} does not know");
        return Err(BundleError::Inconsistent { problem });
    }
    Ok(Manifest {
        name: fields.find(NAME)?.unwrap_or_default(),
        provenance: fields.find(PROVENANCE)?.unwrap_or_default(),
        space: fields.require::<Space>(SPACE)?.try_into()?,
        preprocessing: fields.require::<Preprocessing>(PREPROCESSING)?.fitted(fit),
        labels: fields.require::<Few<String, MAX_LABELS>>(LABELS)?.0,
        children: super::all(fields.require::<Few<ChildEntry, MAX_CHILDREN>>(CHILDREN)?.0)?,
        latency_tables: fields
            .find::<Few<Table, MAX_TABLES>>(LATENCY_TABLES)?
            .map_or(Ok(Vec::new()), |tables| super::all(tables.0))?,
        trained: fields.require::<Trained>(TRAINED)?.try_into()?,
        weight_storage: WeightStorage::from_code(fields.require(WEIGHT_STORAGE)?)?,
        accuracy_predictor: fields.find::<Predictor>(ACCURACY_PREDICTOR)?.map(Into::into),
        images: fields.find::<Images>(IMAGES)?.map(TryInto::try_into).transpose()?,
        split: fields.find::<Split>(SPLIT)?.map(Into::into),
    })
}

/// The oldest format whose readers know a fit.
pub(crate) fn format_for(fit: Fit) -> u32 {
    match fit {
        Fit::Crop => 6,
        Fit::Pad | Fit::Squash => 7,
    }
}

/// How a manifest of format 8 divides the weights.
pub(crate) fn shells(section: &[u8]) -> Result<Shells, BundleError> {
    Fields::split(section)?.require(SHELLS)
}

/// The section of a manifest, with fields of a newer version behind it.
pub(crate) fn encode(
    manifest: &Manifest,
    shells: Option<&Shells>,
    unknown: &[(u32, &[u8])],
) -> Result<Vec<u8>, BundleError> {
    let Manifest {
        name,
        provenance,
        space,
        preprocessing,
        labels,
        children,
        latency_tables,
        trained,
        weight_storage,
        accuracy_predictor,
        images,
        split,
    } = manifest;
    let children: Vec<ChildEntry> = children.iter().map(ChildEntry::from).collect();
    let tables: Vec<Table> = latency_tables.iter().map(Table::from).collect();
    let mut section = Vec::new();
    let mut push = |number: u32, bytes: &[u8]| {
        let length = u32::try_from(bytes.len())
            .map_err(|_| BundleError::Inconsistent { problem: format!("field {number} has {} bytes", bytes.len()) })?;
        section.extend(number.to_le_bytes());
        section.extend(length.to_le_bytes());
        section.extend_from_slice(bytes);
        Ok::<_, BundleError>(())
    };
    push(NAME.0, &to_bytes(name)?)?;
    push(PROVENANCE.0, &to_bytes(provenance)?)?;
    push(SPACE.0, &to_bytes(&Space::from(space))?)?;
    push(PREPROCESSING.0, &to_bytes(&Preprocessing::from(preprocessing))?)?;
    push(LABELS.0, &to_bytes(labels)?)?;
    push(CHILDREN.0, &to_bytes(&children)?)?;
    push(LATENCY_TABLES.0, &to_bytes(&tables)?)?;
    push(TRAINED.0, &to_bytes(&Trained::from(trained))?)?;
    push(WEIGHT_STORAGE.0, &to_bytes(&weight_storage.code())?)?;
    if let Some(predictor) = accuracy_predictor {
        push(ACCURACY_PREDICTOR.0, &to_bytes(&Predictor::from(predictor))?)?;
    }
    if let Some(images) = images {
        push(IMAGES.0, &to_bytes(&Images::from(images))?)?;
    }
    // Crop is what older readers do.
    if preprocessing.fit != Fit::Crop {
        push(FIT.0, &to_bytes(&preprocessing.fit.code())?)?;
    }
    if let Some(split) = split {
        push(SPLIT.0, &to_bytes(&Split::from(split))?)?;
    }
    if let Some(shells) = shells {
        push(SHELLS.0, &to_bytes(shells)?)?;
    }
    unknown.iter().try_for_each(|(number, bytes)| push(*number, bytes))?;
    Ok(section)
}

/// Fields that this version does not know: a program that rewrites the file keeps them.
pub(crate) fn unknown_fields(section: &[u8]) -> Result<Vec<(u32, &[u8])>, BundleError> {
    let Fields(mut fields) = Fields::split(section)?;
    fields.retain(|(number, _)| *number > LAST_KNOWN);
    Ok(fields)
}

/// The fields of a section, as bytes.
struct Fields<'a>(Vec<(u32, &'a [u8])>);

impl<'a> Fields<'a> {
    fn split(section: &'a [u8]) -> Result<Self, BundleError> {
        let inconsistent = |problem: &str| BundleError::Inconsistent { problem: format!("the manifest {problem}") };
        let mut fields = Vec::new();
        let (mut rest, mut before) = (section, 0);
        while !rest.is_empty() {
            let cut_off = || inconsistent("ends within a field");
            let (number, after) = rest.split_first_chunk().ok_or_else(cut_off)?;
            let (length, after) = after.split_first_chunk().ok_or_else(cut_off)?;
            let (number, length) = (u32::from_le_bytes(*number), u32::from_le_bytes(*length) as usize);
            let (bytes, after) = after.split_at_checked(length).ok_or_else(cut_off)?;
            if number <= before {
                return Err(inconsistent("has fields whose numbers do not rise from 1"));
            }
            fields.push((number, bytes));
            (rest, before) = (after, number);
        }
        Ok(Self(fields))
    }

    fn find<T: Deserialize<'a>>(&self, Field(number, name): Field) -> Result<Option<T>, BundleError> {
        let Ok(at) = self.0.binary_search_by_key(&number, |(number, _)| *number) else { return Ok(None) };
        super::from_bytes(&format!("the manifest's field {number} ({name})"), self.0[at].1).map(Some)
    }

    fn require<T: Deserialize<'a>>(&self, field: Field) -> Result<T, BundleError> {
        let missing =
            || BundleError::Inconsistent { problem: format!("the manifest has no field {} ({})", field.0, field.1) };
        self.find(field)?.ok_or_else(missing)
    }
}
