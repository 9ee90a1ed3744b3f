/// Where there is room for labels.
pub(super) struct Labels {
    pub(super) taken: Vec<[f64; 4]>,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Labels {
    /// Middle and base line of a label near a point, or nothing if every place is taken.
    pub(super) fn place(&mut self, x: f64, y: f64, width: f64) -> Option<(f64, f64)> {
        const HALF: f64 = 7.0;
        let aside = width / 2.0 + 12.0;
        let steep = width / 2.0 + 4.0;
        let places = [
            (0.0, -16.0),
            (0.0, 17.0),
            (-aside, 0.0),
            (aside, 0.0),
            (-steep, -13.0),
            (steep, 14.0),
            (steep, -13.0),
            (-steep, 14.0),
            (0.0, -27.0),
            (0.0, 28.0),
        ];
        let (place, area) = places.into_iter().find_map(|(dx, dy)| {
            let (centre, middle) = (x + dx, y + dy);
            let area = [centre - width / 2.0, middle - HALF, centre + width / 2.0, middle + HALF];
            let inside = area[0] >= self.left && area[2] <= self.right && area[1] >= self.top && area[3] <= self.bottom;
            let free = |taken: &[f64; 4]| {
                area[2] <= taken[0] || area[0] >= taken[2] || area[3] <= taken[1] || area[1] >= taken[3]
            };
            (inside && self.taken.iter().all(free)).then_some(((centre, middle + 4.5), area))
        })?;
        self.taken.push(area);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn labels_never_lie_on_each_other(points in prop::collection::vec((0f64..1.0, 0f64..1.0), 1..40)) {
            let mut labels = Labels { taken: Vec::new(), left: 70.0, right: 620.0, top: 14.0, bottom: 340.0 };
            for (x, y) in points {
                labels.place(70.0 + 550.0 * x, 14.0 + 326.0 * y, 50.0);
            }
            for (index, a) in labels.taken.iter().enumerate() {
                for b in &labels.taken[..index] {
                    prop_assert!(a[2] <= b[0] || a[0] >= b[2] || a[3] <= b[1] || a[1] >= b[3]);
                }
            }
        }
    }
}
