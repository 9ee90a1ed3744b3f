use crate::metrics::Millis;

/// The margin above a child's time, so that its own budget holds when it is timed again.
const ROOM: f64 = 1.15;

/// Most steps between the fastest and the slowest.
const MOST_STEPS: usize = 4096;

/// Up to `count` limits, each meant for another child: spread evenly between the fastest and the slowest of those that
/// are worth choosing. `children` are pairs of accuracy and time; a dominated one gets no limit.
pub fn spread_limits(children: &[(f64, Millis)], count: usize) -> Vec<Millis> {
    let mut sorted = children.to_vec();
    sorted.sort_by(|a, b| a.1.0.total_cmp(&b.1.0).then(b.0.total_cmp(&a.0)));
    let mut worth: Vec<(f64, f64)> = Vec::new();
    for (accuracy, time) in sorted {
        if worth.last().is_none_or(|last| accuracy > last.0) {
            worth.push((accuracy, time.0));
        }
    }
    let times: Vec<f64> = worth.into_iter().map(|(_, time)| time).collect();
    let (Some(&fastest), Some(&slowest)) = (times.first(), times.last()) else { return Vec::new() };
    // So many steps meet every child that any number of them would.
    let count = count.min(MOST_STEPS);
    let steps = count.saturating_sub(1).max(1) as f64;
    let mut taken: Vec<usize> = (0..count)
        .filter_map(|step| {
            let wanted = fastest + (slowest - fastest) * step as f64 / steps;
            (0..times.len()).min_by(|&a, &b| (times[a] - wanted).abs().total_cmp(&(times[b] - wanted).abs()))
        })
        .collect();
    taken.dedup();
    let limit = |(place, &index): (usize, &usize)| {
        // Stay well below the next one's time, or its child might be chosen for this limit too.
        let next = taken.get(place + 1).map_or(f64::INFINITY, |&next| (times[index] + times[next]) / 2.0);
        Millis((times[index] * ROOM).min(next))
    };
    taken.iter().enumerate().map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_lie_between_the_children_they_are_for() {
        let children =
            [(90.0, Millis(1.0)), (91.0, Millis(2.0)), (88.0, Millis(2.5)), (92.0, Millis(5.0)), (93.0, Millis(9.0))];
        let limits = spread_limits(&children, 3);
        assert_eq!(limits.len(), 3);
        for (limit, (least, most)) in limits.iter().zip([(1.0, 2.0), (5.0, 9.0), (9.0, 12.0)]) {
            assert!((least..most).contains(&limit.0), "{limits:?}");
        }
    }

    #[test]
    fn few_children_give_few_limits() {
        assert!(spread_limits(&[], 3).is_empty());
        assert_eq!(spread_limits(&[(90.0, Millis(1.0)), (80.0, Millis(2.0))], 3), [Millis(1.15)]);
        assert_eq!(spread_limits(&[(90.0, Millis(1.0)), (91.0, Millis(1.1))], 3).len(), 2);
        assert_eq!(spread_limits(&[(90.0, Millis(1.0)), (91.0, Millis(1.1))], usize::MAX).len(), 2);
    }
}
