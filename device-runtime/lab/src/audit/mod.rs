//! Audits: the GPU work of switches, and the share of choices that keep their budgets.

mod choices;
mod foreseen;
mod switches;

pub use choices::{AuditedAdoption, AuditedChoice, ChoiceAudit, ChoiceAuditOptions, audit_choices};
pub use foreseen::{Foreseen, ForeseenChild};
pub use switches::{SwitchAudit, audit_switches};
