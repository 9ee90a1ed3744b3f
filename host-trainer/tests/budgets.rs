//! `nestling search --budgets`: children for S, M, L and XL, from a trained run to its bundle.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, json, nestling, succeed};
use nestling_bundle::Bundle;
use serde_json::Value;
use std::process::Command;

/// The tiny space with choices of depth and kernel size.
fn place() -> Place {
    let place = Place::new();
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let config = config.replace("depths = [1]", "depths = [1, 2, 3]").replace("kernels = [3]", "kernels = [3, 5]");
    std::fs::write(place.path("config.toml"), config).unwrap();
    place
}

fn select(place: &Place, options: &[&str]) -> Command {
    let mut command = place.step("search", "run");
    command.args(options);
    command
}

fn rows(document: &Value) -> &[Value] {
    document["budgets"].as_array().unwrap()
}

/// Exit code of a command whose arguments do not fit together.
fn usage(mut command: Command) -> Option<i32> {
    command.output().unwrap().status.code()
}

#[test]
fn each_budget_gets_a_child_within_it_that_ships() {
    let place = place();
    succeed(&mut place.train("run"));
    assert!(fail(&mut select(&place, &["--budgets"])).contains("search.json is missing"));
    let searched = json(&mut place.search("run"));
    let chosen = json(&mut select(&place, &["--budgets", "--fine", "4"]));
    let names: Vec<&str> = rows(&chosen).iter().map(|row| row["budget"].as_str().unwrap()).collect();
    assert_eq!(names, ["S", "M", "L", "XL"]);
    // The coarse grid is that of the search before: it is not evaluated again.
    let [considered, now] = ["considered", "evaluated_now"].map(|key| chosen[key].as_u64().unwrap());
    assert!(now < considered && considered - now <= searched["evaluated"].as_u64().unwrap(), "{chosen}");
    for row in rows(&chosen) {
        assert!(row["madds"].as_f64().unwrap() <= row["most"].as_f64().unwrap() && row["unit"] == "madds", "{row}");
    }
    // The same again changes nothing. Other budgets replace these.
    let again = json(&mut select(&place, &["--budgets", "--fine", "4"]));
    assert_eq!((rows(&again), &again["evaluated_now"]), (rows(&chosen), &Value::from(0)));
    let most = rows(&chosen)[3]["params"].as_u64().unwrap();
    let by_params = json(&mut select(&place, &["--budgets-params", &format!("{}k", most as f64 / 1e3)]));
    let row = &rows(&by_params)[0];
    assert!(rows(&by_params).len() == 1 && row["params"].as_u64().unwrap() <= most && row["unit"] == "params", "{row}");

    let bundle = place.path("my.nestling");
    succeed(place.step("pack", "run").args(["--golden-pictures", "0", "--output"]).arg(&bundle));
    let ships = row["ships_as"].as_str().unwrap();
    assert_eq!(
        Bundle::open(&bundle).unwrap().child(ships).unwrap().entry.child.to_string(),
        row["child"].as_str().unwrap()
    );
    check_latency(&place, &bundle);
}

/// Budgets in milliseconds are those of a device that the bundle knows.
fn check_latency(place: &Place, bundle: &std::path::Path) {
    let profile = place.profile(bundle, "Made-up");
    succeed(nestling(["latency", "add"]).arg(bundle).arg(profile));
    let path = bundle.to_str().unwrap();
    let chosen = json(&mut select(place, &["--budgets-ms", "--device", "made-up", "--bundle", path, "--fine", "2"]));
    assert_eq!((rows(&chosen).len(), chosen["device"]["adapter"].as_str()), (4, Some("Made-up")));
    for row in rows(&chosen) {
        let predicted = row["predicted_ms"].as_f64().unwrap();
        assert!(predicted > 0.0 && predicted <= row["most"].as_f64().unwrap() && row["unit"] == "ms", "{row}");
    }
    assert!(
        fail(&mut select(place, &["--budgets-ms", "1", "--device", "adreno", "--bundle", path])).contains("Made-up (")
    );
}

#[test]
fn budgets_that_make_no_sense_are_refused() {
    let place = place();
    succeed(&mut place.train("run"));
    succeed(&mut place.search("run"));
    let message = fail(&mut select(&place, &["--budgets", "2M,1M"]));
    assert!(message.contains("budgets are [2.00 M MAdds, 1.00 M MAdds]: give them above zero, in rising order"));
    assert!(fail(&mut select(&place, &["--budgets", "0.000001"])).contains("give at least that"));
    for options in [
        &["--budgets", "1M", "--budget-madds", "1M"][..],
        &["--budgets", "1M", "--budgets-params", "1M"],
        &["--budgets", "1M", "--device", "mali"],
        &["--budgets-ms", "1"],
        &["--budget-madds", "1M", "--fine", "3"],
        &["--budgets", "none"],
        &["--top", "3"],
    ] {
        assert_eq!(usage(select(&place, options)), Some(2), "{options:?}");
    }
}
