//! Optional GPU features in tests: a test of a feature that the adapter lacks says "skipped", and fails if the
//! environment variable `NESTLING_REQUIRE` names the feature. Only tests are built with this file; those of `lab` take
//! it by its path.

use std::fmt;

/// Features that must not be missing, separated by commas or spaces.
const VARIABLE: &str = "NESTLING_REQUIRE";

/// A GPU feature that an adapter may lack. Prints as `NESTLING_REQUIRE` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    F16,
    Subgroups,
    Timestamps,
    PipelineCache,
    /// An adapter with the backend.
    OpenGl,
    /// No GPU feature: full and read-only disks, which `tests/torture` mounts. Here the name is only known.
    Disks,
}

impl Feature {
    const ALL: [Self; 6] =
        [Self::F16, Self::Subgroups, Self::Timestamps, Self::PipelineCache, Self::OpenGl, Self::Disks];

    /// Whether a test of the feature can run on an adapter that offers it or does not.
    ///
    /// # Panics
    /// If the feature is required and not offered, or the list of required features names one that does not exist.
    #[must_use]
    pub fn can_be_tested(self, is_offered: bool) -> bool {
        self.can_be_tested_where(is_offered, &std::env::var(VARIABLE).unwrap_or_default())
    }

    fn can_be_tested_where(self, is_offered: bool, required: &str) -> bool {
        let is_required = parse(required).contains(&self);
        assert!(is_offered || !is_required, "the adapter lacks {self}, and {VARIABLE} is `{required}`");
        if !is_offered {
            println!("skipped: needs {self}");
        }
        is_offered
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "f16",
            Self::Subgroups => "subgroups",
            Self::Timestamps => "timestamps",
            Self::PipelineCache => "pipeline-cache",
            Self::OpenGl => "opengl",
            Self::Disks => "disks",
        })
    }
}

/// An unknown name is a typing error that would require nothing.
fn parse(required: &str) -> Vec<Feature> {
    let names = required.split([',', ' ']).filter(|name| !name.is_empty());
    let feature = |name: &str| Feature::ALL.into_iter().find(|feature| feature.to_string() == name);
    names.map(|name| feature(name).unwrap_or_else(|| panic!("{VARIABLE} names `{name}`, not a feature"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_list_is_separated_by_commas_or_spaces() {
        assert_eq!(parse(""), []);
        assert_eq!(parse("f16"), [Feature::F16]);
        assert_eq!(parse(" timestamps,  pipeline-cache,"), [Feature::Timestamps, Feature::PipelineCache]);
        assert_eq!(parse("f16,subgroups timestamps,pipeline-cache opengl disks"), Feature::ALL);
    }

    #[test]
    fn a_required_feature_that_is_missing_fails_and_another_is_skipped() {
        for feature in Feature::ALL {
            let name = feature.to_string();
            for required in ["", "f16,subgroups,timestamps,pipeline-cache,opengl,disks"] {
                assert!(feature.can_be_tested_where(true, required), "{name}");
            }
            assert!(!feature.can_be_tested_where(false, ""), "{name}");
            let others: Vec<String> =
                Feature::ALL.iter().filter(|other| **other != feature).map(Feature::to_string).collect();
            assert!(!feature.can_be_tested_where(false, &others.join(" ")), "{name}");
            let fault = catch_unwind(|| feature.can_be_tested_where(false, &format!("{name} {}", others[0])));
            let message = *fault.unwrap_err().downcast::<String>().unwrap();
            assert!(message.contains(&format!("lacks {name}")), "{message}");
        }
    }

    #[test]
    fn a_name_that_is_no_feature_fails() {
        let fault = catch_unwind(|| Feature::F16.can_be_tested_where(true, "f16,f61"));
        assert!(fault.unwrap_err().downcast::<String>().unwrap().contains("`f61`"));
    }
}
