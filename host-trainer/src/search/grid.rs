use nestling_core::space::{Child, SearchSpace, StageChoice};
use std::collections::BTreeSet;

/// Where in a list of choices a preset looks, from 0 (first) to 1 (last).
const FRACTIONS: [f64; 3] = [0.0, 0.5, 1.0];

fn at<T: Copy>(list: &[T], fraction: f64) -> T {
    list[((list.len() - 1) as f64 * fraction).round() as usize]
}

/// The coarse grid: every resolution, with whole-network presets of depth (least, middle, most), width (least, most)
/// and kernel size (smallest, largest, large in the last half only). At most `resolutions * 3 * 2 * 3` children.
pub fn coarse_grid(space: &SearchSpace) -> Vec<Child> {
    let mut children = BTreeSet::new();
    for &resolution in &space.resolutions {
        for depth in FRACTIONS {
            for width in [0.0, 1.0] {
                for kernel in FRACTIONS {
                    let stages = (space.stages.iter().enumerate())
                        .map(|(index, stage)| {
                            let late = 2 * index >= space.stages.len();
                            StageChoice {
                                width: at(&stage.widths, width),
                                depth: at(&stage.depths, depth),
                                kernel: at(
                                    &stage.kernels,
                                    if kernel == 0.5 { f64::from(u8::from(late)) } else { kernel },
                                ),
                                expand_ratio: at(&stage.expand_ratios, width),
                            }
                        })
                        .collect();
                    let head_width = space.head.as_ref().map(|head| at(&head.widths, width));
                    let stem_width = at(&space.stem.widths, width);
                    children.insert(Child { resolution, stem_width, stages, head_width });
                }
            }
        }
    }
    children.into_iter().collect()
}
