//! The tables of `latency compare`.

use nestling_core::metrics::Millis;
use nestling_train::fleet::{Comparison, Reversal, SameBudget, SameShare};
use std::fmt::Write;

/// Width of a column of children that a device takes.
const TAKEN: usize = 24;

/// All tables of a comparison.
pub fn table(comparison: &Comparison) -> String {
    let mut text = String::new();
    for (index, device) in comparison.devices.iter().enumerate() {
        let _ = writeln!(text, "[{}] {device}", index + 1);
    }
    correlations(&mut text, comparison);
    reversals(&mut text, &comparison.reversals);
    let devices = comparison.devices.len();
    taken_heads(&mut text, devices, "if this share of all children keeps its budget");
    comparison.shares.iter().for_each(|row| same_share(&mut text, row));
    taken_heads(&mut text, devices, "for the same budget");
    comparison.budgets.iter().for_each(|row| same_budget(&mut text, row));
    text
}

/// The numbers of the devices as the heads of columns.
fn numbers(text: &mut String, devices: usize, width: usize) {
    for index in 0..devices {
        let _ = write!(text, "  {:>width$}", format!("[{}]", index + 1));
    }
    text.push('\n');
}

fn correlations(text: &mut String, comparison: &Comparison) {
    let devices = comparison.devices.len();
    let _ = write!(text, "\nSpearman over {} children\n{:>6}", comparison.children, "");
    numbers(text, devices, 6);
    for a in 0..devices {
        let _ = write!(text, "{:>6}", format!("[{}]", a + 1));
        for b in 0..devices {
            let between = comparison.correlations.iter().find(|one| one.devices == [a.min(b), a.max(b)]);
            let _ = write!(text, "  {:>6.3}", between.map_or(1.0, |one| one.spearman));
        }
        text.push('\n');
    }
    let _ = write!(text, "{:>6}", "MAdds");
    for spearman in &comparison.with_madds {
        let _ = write!(text, "  {spearman:>6.3}");
    }
    text.push('\n');
}

fn reversals(text: &mut String, reversals: &[Reversal]) {
    if !reversals.is_empty() {
        text.push_str("\nchildren that two devices order most differently\n");
    }
    for one in reversals {
        let [[a1, a2], [b1, b2]] = one.predicted_ms;
        let [a, b] = one.devices.map(|device| device + 1);
        let ms = |ms: Millis| format!("{:.3}", ms.0);
        let _ = writeln!(text, "[{a}] {} < {} ms, [{b}] {} > {} ms", ms(a1), ms(a2), ms(b1), ms(b2));
        let [first, second] = &one.children;
        let _ = writeln!(text, "      {first}\n      {second}");
    }
}

fn taken_heads(text: &mut String, devices: usize, budgets: &str) {
    let _ = write!(text, "\nshipped child that each device takes, {budgets}\n{:>10}", "");
    numbers(text, devices, TAKEN);
}

fn same_share(text: &mut String, row: &SameShare) {
    let _ = write!(text, "{:>8} %", row.percent);
    for (taken, budget) in row.taken.iter().zip(&row.budgets_ms) {
        let child = taken.as_ref().map_or("-", |taken| &taken.child);
        let _ = write!(text, "  {:>TAKEN$}", format!("{child} in {budget}"));
    }
    end(text, row.differ);
}

fn same_budget(text: &mut String, row: &SameBudget) {
    let _ = write!(text, "{:>10}", row.budget_ms.to_string());
    for taken in &row.taken {
        let child = taken.as_ref().map(|taken| format!("{} in {}", taken.child, taken.predicted_ms));
        let _ = write!(text, "  {:>TAKEN$}", child.as_deref().unwrap_or("-"));
    }
    end(text, row.differ);
}

fn end(text: &mut String, differ: bool) {
    text.push_str(if differ { "  differ\n" } else { "\n" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_train::fleet::Taken;

    #[test]
    fn a_device_without_a_child_for_a_budget_shows_a_dash() {
        let taken = |name: &str| Some(Taken { child: name.into(), predicted_ms: Millis(1.5) });
        let comparison = Comparison {
            devices: vec!["A".into(), "B".into(), "C".into()],
            children: 2,
            correlations: Vec::new(),
            with_madds: vec![1.0; 3],
            reversals: Vec::new(),
            shares: Vec::new(),
            budgets: vec![SameBudget {
                budget_ms: Millis(2.0),
                taken: vec![taken("pareto-1"), None, taken("pareto-2")],
                differ: true,
            }],
        };
        let text = table(&comparison);
        let words: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(
            words,
            "2.000 ms pareto-1 in 1.500 ms - pareto-2 in 1.500 ms differ".split(' ').collect::<Vec<_>>(),
            "{text}"
        );
    }
}
