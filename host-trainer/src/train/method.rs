use super::{TrainConfig, TrainError, auto_slim, once_for_all, slimmable, universally_slimmable, widths};
use crate::model::Extras;
use nestling_bundle::Trained;
use nestling_core::space::{Child, SearchSpace, SpaceError, ValidatedSpace};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The method of training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Sandwich rule over every dimension, inplace distillation, calibration afterwards (Yu et al., 2020).
    #[default]
    BigNas,
    /// The same over one width factor (Yu and Huang, 2019): [`universally_slimmable`].
    UniversallySlimmable,
    /// A few widths with batch norm of their own, all trained on the labels (Yu et al., 2019): [`slimmable`].
    Slimmable,
    /// Independent widths, to be slimmed greedily (Yu and Huang, 2019): [`auto_slim`].
    AutoSlim,
    /// Progressive shrinking from a full network (Cai et al., 2020): [`once_for_all`].
    OnceForAll,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 5] =
        [Self::BigNas, Self::UniversallySlimmable, Self::Slimmable, Self::AutoSlim, Self::OnceForAll];

    /// Its name, as in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BigNas => "big_nas",
            Self::UniversallySlimmable => "universally_slimmable",
            Self::Slimmable => "slimmable",
            Self::AutoSlim => "auto_slim",
            Self::OnceForAll => "once_for_all",
        }
    }

    /// The configuration of a new run by this method, with the values that it needs: the space with the choices that it
    /// trains, and for [`Method::Slimmable`] no averaged weights, with a low constant ending in their place.
    ///
    /// ```
    /// use nestling_train::train::{Method, TrainConfig};
    /// assert!(Method::ALL.iter().all(|method| method.applied_to(TrainConfig::default()).validate().is_ok()));
    /// ```
    pub fn applied_to(self, config: TrainConfig) -> TrainConfig {
        let mut config = TrainConfig { method: self, space: self.space(&config.space), ..config };
        if self == Self::Slimmable && config.average_decay > 0.0 {
            (config.average_decay, config.constant_ending) = (0.0, config.constant_ending.min(0.01));
        }
        config
    }

    /// The same network as in `base`, with the choices that this method trains. A space that has no others already stays
    /// as it is.
    pub fn space(self, base: &SearchSpace) -> SearchSpace {
        match self {
            Self::BigNas => base.clone(),
            Self::UniversallySlimmable | Self::Slimmable => widths::widths_only(base),
            Self::AutoSlim => auto_slim::space(base),
            Self::OnceForAll => once_for_all::space(base),
        }
    }

    /// The parameters beyond the layout that it trains.
    ///
    /// # Errors
    /// [`SpaceError`] as [`ValidatedSpace::lower`].
    pub fn extras(self, space: &ValidatedSpace) -> Result<Extras, SpaceError> {
        match self {
            Self::BigNas | Self::UniversallySlimmable | Self::AutoSlim => Ok(Extras::default()),
            Self::Slimmable => Extras::private_norms(space, &slimmable::switches(space)),
            Self::OnceForAll => Extras::kernel_transforms(space),
        }
    }

    /// Number of batch-norm statistics that it accumulates while training.
    pub(super) fn running_values(self, space: &ValidatedSpace) -> Result<usize, SpaceError> {
        if self != Self::Slimmable {
            return Ok(0);
        }
        let running = slimmable::RunningStatistics::new(space, None)?;
        Ok(running.map_or(0, |running| running.values().len()))
    }

    /// The children that it trains.
    pub fn trained(self, space: &ValidatedSpace) -> Trained {
        match self {
            Self::BigNas | Self::AutoSlim | Self::OnceForAll => Trained::WholeSpace,
            Self::UniversallySlimmable => Trained::Only(universally_slimmable::trained(space)),
            Self::Slimmable => Trained::Only(slimmable::switches(space)),
        }
    }

    /// Whether each child ships as a network of its own ([`specialised`](super::specialised())), because its weights are
    /// more than a slice of the shared ones.
    pub fn ships_alone(self) -> bool {
        match self {
            Self::BigNas | Self::UniversallySlimmable | Self::AutoSlim => false,
            Self::Slimmable | Self::OnceForAll => true,
        }
    }

    /// The child in the middle that the curves follow, where it is not that of the space's middle choices.
    pub(super) fn middle(self, space: &ValidatedSpace) -> Option<Child> {
        match self {
            Self::BigNas | Self::AutoSlim | Self::OnceForAll => None,
            Self::UniversallySlimmable => Some(widths::at_fraction(space, 0.5)),
            Self::Slimmable => {
                let mut switches = slimmable::switches(space);
                Some(switches.swap_remove(switches.len() / 2))
            }
        }
    }

    /// Checks that a configuration suits the method.
    pub(super) fn check(self, config: &TrainConfig) -> Result<(), TrainError> {
        let check = |key: &'static str, holds: bool, given: &dyn fmt::Display, rule: &'static str| {
            if holds { Ok(()) } else { Err(TrainError::Config { key, given: given.to_string(), rule }) }
        };
        let (fits, rule) = match self {
            Self::BigNas => (true, ""),
            Self::UniversallySlimmable | Self::Slimmable => (
                widths::has_widths_only(&config.space),
                "another method, or the space one in which widths are the only choice",
            ),
            Self::AutoSlim => (
                widths::has_channels_only(&config.space),
                "another method, or the space one in which widths and expand ratios are the only choices",
            ),
            Self::OnceForAll => {
                (once_for_all::has_fixed_widths(&config.space), "another method, or the space one of fixed widths")
            }
        };
        check("method", fits, &self, rule)?;
        if self == Self::Slimmable {
            let rule = "0 with `slimmable`, whose batch-norm statistics belong to the weights of the last steps";
            check("average_decay", config.average_decay == 0.0, &config.average_decay, rule)?;
            check("patience", config.patience == 0, &config.patience, rule)?;
        }
        if matches!(self, Self::Slimmable | Self::OnceForAll) {
            let rule = "0 with this `method`, which has a rule of its own for the start";
            check("join_epochs", config.join_epochs == 0.0, &config.join_epochs, rule)?;
        }
        Ok(())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    /// Hyphens are taken for underscores.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.replace('-', "_");
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| format!("methods are: {}", names()))
    }
}

#[cfg(test)]
mod tests;
