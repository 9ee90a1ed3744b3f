use crate::BundleError;
use nestling_core::names::check_label;

/// Pictures as files, with the logits that the trainer computed from them: a device that decodes and classifies them
/// must come to the same.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenPictures {
    /// At most [`GoldenPictures::MAX_PICTURES`].
    pub pictures: Vec<GoldenPicture>,
    /// The trainer's answers of some children that ship, at most [`GoldenPictures::MAX_CHILDREN`].
    pub children: Vec<GoldenChild>,
}

/// An encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenPicture {
    /// A name for people, such as that of its file.
    pub name: String,
    /// The bytes of a JPEG, PNG or WebP file, at most [`GoldenPictures::MAX_BYTES`].
    pub bytes: Vec<u8>,
}

/// The trainer's answers of one child.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenChild {
    /// Name of a child that ships.
    pub child: String,
    /// For each picture a logit for each class.
    pub logits: Vec<Vec<f32>>,
}

impl GoldenPictures {
    /// Most pictures of a bundle.
    pub const MAX_PICTURES: usize = 8;
    /// Most bytes of one picture.
    pub const MAX_BYTES: usize = 256 << 10;
    /// Most children with answers.
    pub const MAX_CHILDREN: usize = 16;
    /// Bytes of a name, and of the lengths in front of each part, are fewer.
    const MAX_BESIDE: usize = 1 << 10;

    /// Most bytes of the section in a bundle of so many classes.
    pub(super) fn most_bytes(classes: u32) -> usize {
        let pictures = Self::MAX_PICTURES * (Self::MAX_BYTES + Self::MAX_BESIDE);
        let logits = 4 * Self::MAX_PICTURES * classes as usize;
        pictures + Self::MAX_CHILDREN * (logits + Self::MAX_BESIDE)
    }

    pub(super) fn check_length(name: &str, given: usize) -> Result<(), BundleError> {
        let most = Self::MAX_BYTES;
        if (1..=most).contains(&given) {
            return Ok(());
        }
        let problem = format!("{given} bytes of golden picture `{name}`: between 1 and {most}; encode it smaller");
        Err(BundleError::Inconsistent { problem })
    }

    /// Checks all that does not depend on which children ship.
    pub(super) fn check(&self, classes: usize) -> Result<(), BundleError> {
        let require = |holds: bool, problem: &dyn Fn() -> String| {
            if holds { Ok(()) } else { Err(BundleError::Inconsistent { problem: problem() }) }
        };
        let (count, most) = (self.pictures.len(), Self::MAX_PICTURES);
        require((1..=most).contains(&count), &|| format!("{count} golden pictures: between 1 and {most}"))?;
        for GoldenPicture { name, bytes } in &self.pictures {
            check_label(name).map_err(|source| BundleError::Name { place: "a golden picture".to_owned(), source })?;
            Self::check_length(name, bytes.len())?;
        }
        let (answers, most) = (self.children.len(), Self::MAX_CHILDREN);
        require((1..=most).contains(&answers), &|| {
            format!("golden answers of {answers} children: between 1 and {most}")
        })?;
        for (index, GoldenChild { child, logits }) in self.children.iter().enumerate() {
            require(self.children[..index].iter().all(|other| other.child != *child), &|| {
                format!("golden answers of child `{child}` come twice")
            })?;
            let fits = logits.len() == count
                && logits.iter().all(|one| one.len() == classes && one.iter().all(|logit| logit.is_finite()));
            require(fits, &|| {
                format!("golden answers of child `{child}`: {classes} finite logits are needed for each picture")
            })?;
        }
        Ok(())
    }
}
