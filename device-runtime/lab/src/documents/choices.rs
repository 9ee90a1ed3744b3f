use crate::documents::{Fault, Tried};
use nestling::WholeSpaceChoice;
use nestling_core::choosing::Choice;
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::{Latency, Load, MAdds, Millis, Quantile};
use nestling_core::space::{SpaceError, ValidatedSpace};
use serde::{Deserialize, Serialize};

/// The document of `nestling-device choose`: one chosen child for each budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choices {
    /// The device that measured.
    pub device: DeviceKey,
    /// One row for each budget, in order.
    pub budgets: Vec<Tried<ChosenChild, FailedBudget>>,
}

/// A budget for which no child could be chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedBudget {
    /// The budget as it was given.
    pub given: String,
    /// Limit of the budget; `None` if a number was not given.
    pub budget_ms: Option<Millis>,
    /// Quantile of the runs that had to keep the limit.
    pub quantile: Quantile,
    /// The reason.
    pub error: Fault,
}

/// The child that was chosen for a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenChild {
    /// Limit of the budget.
    pub budget_ms: Millis,
    /// Quantile of the runs that must keep the limit.
    pub quantile: Quantile,
    /// Its name in the bundle, or [`UNSHIPPED`].
    pub name: String,
    /// The child as text.
    pub child: String,
    /// Median time that the latency model predicts.
    pub predicted_ms: Millis,
    /// Median of the runs.
    pub measured_p50_ms: Millis,
    /// Upper bound of nine runs of ten.
    pub measured_p90_ms: Millis,
    /// Upper bound of nineteen runs of twenty.
    pub measured_p95_ms: Millis,
    /// The interval that holds the time at the budget's quantile in nine of ten such moments; `None` for a child that does
    /// not ship.
    #[serde(default)]
    pub interval_ms: Option<[Millis; 2]>,
    /// The load of the device beside which it was measured.
    #[serde(default = "quiet")]
    pub load: Load,
    /// Top-1 on the test images in percent; `None` where it was not measured.
    pub top1: Option<f64>,
    /// Top-1 on the held-out images in percent; `None` where it was not measured.
    pub held_out_top1: Option<f64>,
    /// Multiply-adds of one image.
    pub madds: MAdds,
    /// Parameters.
    pub params: u64,
    /// Microseconds that the switch to it took.
    pub switch_us: f64,
    /// The reason of the choice, for people.
    pub why: String,
    /// The child of the whole space that replaced the shipped one, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<AdoptedChild>,
}

/// A child of the whole space that was adopted instead of a shipped one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdoptedChild {
    /// Name of the shipped child that it replaced.
    pub shipped: String,
    /// Predicted top-1 in percent.
    pub predicted_top1: f64,
    /// Expected gain over the shipped child, in percentage points.
    pub expected_gain_points: f64,
    /// Top-1 on the bundle's check images in percent.
    pub check_top1: f64,
    /// The same for the shipped child.
    pub check_top1_of_shipped: f64,
    /// Number of check images.
    pub check_images: u32,
}

/// The load in a document of an older version.
fn quiet() -> Load {
    Load { share: 1.0 }
}

/// Stands for the name of a child that does not ship.
pub const UNSHIPPED: &str = "(unshipped)";

impl ChosenChild {
    /// The measured time at the budget's quantile, with its interval and the load.
    pub fn sureness(&self) -> String {
        let measured = Latency { p50: self.measured_p50_ms, p90: self.measured_p90_ms, p95: self.measured_p95_ms };
        let interval = self.interval_ms.map(|[low, high]| format!(" ({low} to {high})")).unwrap_or_default();
        format!("{}{interval} at {}, {}", measured.at(self.quantile), self.quantile, self.load)
    }

    /// The row of a choice from the whole space.
    ///
    /// # Errors
    /// [`SpaceError`] if the chosen child is not one of the space's.
    pub fn of_whole_space(choice: &WholeSpaceChoice, space: &ValidatedSpace) -> Result<Self, SpaceError> {
        let shipped = Self { why: choice.why().to_owned(), ..Self::from(choice.shipped()) };
        let Some(adopted) = choice.adopted() else { return Ok(shipped) };
        let cost = space.lower(choice.child())?.cost();
        Ok(Self {
            name: UNSHIPPED.to_owned(),
            child: choice.child().to_string(),
            predicted_ms: adopted.predicted,
            measured_p50_ms: adopted.measured.p50,
            measured_p90_ms: adopted.measured.p90,
            measured_p95_ms: adopted.measured.p95,
            interval_ms: None,
            // The trainer evaluated the shipped children only.
            top1: None,
            held_out_top1: None,
            madds: cost.madds,
            params: cost.params,
            adopted: Some(AdoptedChild {
                shipped: shipped.name.clone(),
                predicted_top1: adopted.predicted_top1,
                expected_gain_points: adopted.expected_gain,
                check_top1: adopted.check.percent(),
                check_top1_of_shipped: adopted.check_of_shipped.percent(),
                check_images: adopted.check.images,
            }),
            ..shipped
        })
    }
}

impl From<&Choice> for ChosenChild {
    fn from(choice: &Choice) -> Self {
        let (budget, entry, measured) = (choice.budget(), choice.entry(), choice.measured());
        Self {
            budget_ms: budget.limit,
            quantile: budget.quantile,
            name: entry.name.clone(),
            child: entry.child.to_string(),
            predicted_ms: choice.predicted(),
            measured_p50_ms: measured.p50,
            measured_p90_ms: measured.p90,
            measured_p95_ms: measured.p95,
            interval_ms: Some(choice.interval()),
            load: choice.load(),
            top1: entry.test.known_percent(),
            held_out_top1: entry.held_out.known_percent(),
            madds: entry.cost.madds,
            params: entry.cost.params,
            switch_us: Millis::from(choice.switched_in()).micros(),
            why: choice.why().to_owned(),
            adopted: None,
        }
    }
}
