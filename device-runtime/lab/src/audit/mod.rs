//! Audits: what switching moves, and how well choices keep their budgets.

mod choices;
mod switches;

pub use choices::{AuditedAdoption, AuditedChoice, ChoiceAudit, ChoiceAuditOptions, audit_choices};
pub use switches::{SwitchAudit, audit_switches};
