use super::few::{MAX_CHILDREN, MAX_STAGES, few};
use super::space::ratio;
use crate::{BundleError, manifest};
use nestling_core::metrics::{MAdds, Top1};
use nestling_core::space::{self, Cost, StageChoice};
use serde::{Deserialize, Serialize};

/// A child's choices.
#[derive(Serialize, Deserialize)]
pub(crate) struct Child {
    resolution: u32,
    stem_width: u32,
    #[serde(deserialize_with = "few::<MAX_STAGES, _, _>")]
    stages: Vec<Choice>,
    head_width: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Choice {
    width: u32,
    depth: u32,
    kernel: u32,
    /// In hundredths.
    expand_ratio: u32,
}

/// A child that ships.
#[derive(Serialize, Deserialize)]
pub(crate) struct ChildEntry {
    name: String,
    child: Child,
    params: u64,
    madds: u64,
    activation_bytes: u64,
    held_out: Accuracy,
    test: Accuracy,
}

#[derive(Serialize, Deserialize)]
struct Accuracy {
    correct: u32,
    images: u32,
}

/// Which children were trained.
#[derive(Serialize, Deserialize)]
pub(crate) enum Trained {
    WholeSpace,
    Only(#[serde(deserialize_with = "few::<MAX_CHILDREN, _, _>")] Vec<Child>),
}

impl From<&space::Child> for Child {
    fn from(child: &space::Child) -> Self {
        let space::Child { resolution, stem_width, stages, head_width } = child;
        let choice = |&StageChoice { width, depth, kernel, expand_ratio }: &StageChoice| Choice {
            width,
            depth,
            kernel,
            expand_ratio: expand_ratio.hundredths(),
        };
        Self {
            resolution: *resolution,
            stem_width: *stem_width,
            stages: stages.iter().map(choice).collect(),
            head_width: *head_width,
        }
    }
}

impl TryFrom<Child> for space::Child {
    type Error = BundleError;

    fn try_from(child: Child) -> Result<Self, BundleError> {
        let choice = |Choice { width, depth, kernel, expand_ratio }: Choice| {
            Ok::<_, BundleError>(StageChoice { width, depth, kernel, expand_ratio: ratio(expand_ratio)? })
        };
        Ok(Self {
            resolution: child.resolution,
            stem_width: child.stem_width,
            stages: child.stages.into_iter().map(choice).collect::<Result<_, _>>()?,
            head_width: child.head_width,
        })
    }
}

impl From<&space::ChildEntry> for ChildEntry {
    fn from(entry: &space::ChildEntry) -> Self {
        let space::ChildEntry { name, child, cost, held_out, test } = entry;
        let Cost { params, madds: MAdds(madds), activation_bytes } = *cost;
        let accuracy = |&Top1 { correct, images }: &Top1| Accuracy { correct, images };
        Self {
            name: name.clone(),
            child: child.into(),
            params,
            madds,
            activation_bytes,
            held_out: accuracy(held_out),
            test: accuracy(test),
        }
    }
}

impl TryFrom<ChildEntry> for space::ChildEntry {
    type Error = BundleError;

    fn try_from(entry: ChildEntry) -> Result<Self, BundleError> {
        let ChildEntry { name, child, params, madds, activation_bytes, held_out, test } = entry;
        let top1 = |Accuracy { correct, images }: Accuracy| Top1 { correct, images };
        Ok(Self {
            name,
            child: child.try_into()?,
            cost: Cost { params, madds: MAdds(madds), activation_bytes },
            held_out: top1(held_out),
            test: top1(test),
        })
    }
}

impl From<&manifest::Trained> for Trained {
    fn from(trained: &manifest::Trained) -> Self {
        match trained {
            manifest::Trained::WholeSpace => Self::WholeSpace,
            manifest::Trained::Only(children) => Self::Only(children.iter().map(Child::from).collect()),
        }
    }
}

impl TryFrom<Trained> for manifest::Trained {
    type Error = BundleError;

    fn try_from(trained: Trained) -> Result<Self, BundleError> {
        Ok(match trained {
            Trained::WholeSpace => Self::WholeSpace,
            Trained::Only(children) => Self::Only(super::all(children)?),
        })
    }
}
