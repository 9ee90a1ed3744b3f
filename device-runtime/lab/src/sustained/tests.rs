use super::*;
use nestling_core::governor::{Governor, GovernorOptions, Ladder, Rung};

/// A phone that throttles: computing heats it, and from some heat on it runs at half of its speed.
struct Phone {
    warmth: f64,
    now: f64,
    step: u64,
}

impl Phone {
    const INTERVAL_S: f64 = 1.0 / 30.0;

    /// One inference of a child that takes `median` ms on a cool phone; the app infers thirty times a second.
    fn infer(&mut self, median: f64) -> Millis {
        // A wave instead of noise: every run of the test is the same.
        self.step += 1;
        let noise = 1.0 + 0.06 * (self.step as f64 * 0.7).sin() * (self.step as f64 * 0.113).cos();
        let throttled = 1.0 + 0.9 * ((self.warmth - 0.5) / 0.3).clamp(0.0, 1.0);
        let time = median * noise * throttled;
        let passed = Self::INTERVAL_S.max(time / 1e3);
        self.warmth += 0.009 * time / 1e3 / Self::INTERVAL_S * passed - 0.0025 * self.warmth * passed;
        self.now += passed;
        Millis(time)
    }
}

fn rungs() -> Vec<Rung> {
    let rung = |(place, &ms): (usize, &f64)| Rung {
        name: format!("child-{place}"),
        predicted: Millis(ms),
        accuracy: 88.0 + place as f64,
    };
    [3.0, 4.2, 5.9, 8.0, 11.0].iter().enumerate().map(rung).collect()
}

/// Thirty minutes of the biggest child, or of a governor's choice.
fn course(limit: Option<Millis>) -> Course {
    let mut phone = Phone { warmth: 0.0, now: 0.0, step: 0 };
    let mut recorder = Recorder::new(limit);
    let ladder = Ladder::pareto(rungs()).unwrap();
    let mut governor = limit.map(|limit| Governor::new(ladder.clone(), GovernorOptions::new(limit)).unwrap());
    while phone.now < 30.0 * 60.0 {
        let rung = governor.as_ref().map_or_else(|| ladder.rungs().last().unwrap().clone(), |one| one.rung().clone());
        let at = Duration::from_secs_f64(phone.now);
        let time = phone.infer(rung.predicted.0);
        let (child, accuracy, hint) = (&*rung.name, rung.accuracy, ThermalHint::Unknown);
        recorder.record(Inference { at, time, child, accuracy, hint });
        if let Some(governor) = &mut governor {
            governor.observe(at, time, hint);
        }
    }
    recorder.course()
}

#[test]
fn a_governor_keeps_p95_for_half_an_hour_where_one_child_does_not() {
    let limit = Millis(13.0);
    let (alone, governed) = (course(None), course(Some(limit)));
    // Every minute is whole: the first and the last one are compared.
    let are_whole =
        |course: &Course| course.minutes.len() == 30 && course.minutes.iter().all(|one| one.inferences > 1000);
    assert!(are_whole(&alone) && are_whole(&governed));
    // The biggest child keeps the limit while the phone is cool, and loses a good part of its speed afterwards.
    assert!(alone.minutes[0].p95_ms.0 < limit.0 && alone.minutes.last().unwrap().p95_ms.0 > limit.0);
    let knee = alone.knee_minute.unwrap();
    assert!((2..15).contains(&knee), "{knee}");
    assert!(alone.retention_percent.unwrap() < 75.0, "{:?}", alone.retention_percent);
    let kept = governed.kept_percent.unwrap();
    println!("p95 kept in {kept:.1} % of minutes, with {:.2} % top-1 of {:.2} %", governed.accuracy, alone.accuracy);
    assert!(kept >= 95.0, "{kept}");
    // It does not win by serving the smallest.
    assert!(governed.accuracy > 89.5 && governed.accuracy < alone.accuracy, "{}", governed.accuracy);
    let page = page("simulated phone", &alone, Some(&governed));
    assert_eq!(nestling_page::markup_fault(&page), None);
    assert!(page.contains("child-4") && page.contains("retention"));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sustained");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("simulated.html"), page).unwrap();
}

#[test]
fn minutes_without_an_inference_are_left_out_and_a_steady_device_has_no_knee() {
    let mut recorder = Recorder::new(None);
    for second in [1, 2, 200, 201] {
        let at = Duration::from_secs(second);
        recorder.record(Inference { at, time: Millis(5.0), child: "one", accuracy: 90.0, hint: ThermalHint::Unknown });
    }
    let course = recorder.course();
    assert_eq!(course.minutes.iter().map(|minute| minute.minute).collect::<Vec<_>>(), [1, 4]);
    assert_eq!((course.knee_minute, course.retention_percent, course.accuracy), (None, Some(100.0), 90.0));
    assert_eq!(Recorder::new(None).course().retention_percent, None);
}
