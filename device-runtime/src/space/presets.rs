use super::{Activation, HeadSpace, Padding, SearchSpace, StageSpace, StemSpace};

fn stage(widths: &[u32], depths: &[u32], kernels: &[u32], expand_ratio: u32, stride: u32) -> StageSpace {
    StageSpace {
        widths: widths.to_vec(),
        depths: depths.to_vec(),
        kernels: kernels.to_vec(),
        expand_ratios: vec![expand_ratio],
        stride,
    }
}

impl SearchSpace {
    /// The paper's space for ImageNet (BigNAS, table 1), as printed there: without squeeze-and-excite.
    pub fn table1() -> Self {
        Self {
            name: "table1".into(),
            input_channels: 3,
            resolutions: vec![192, 224, 256, 288, 320],
            classes: 1000,
            activation: Activation::Swish,
            padding: Padding::Symmetric,
            norm_epsilon: 1e-3,
            stem: StemSpace { widths: vec![32, 40], kernel: 3, stride: 2 },
            stages: vec![
                stage(&[16, 24], &[1, 2], &[3], 1, 1),
                stage(&[24, 32], &[2, 3], &[3], 6, 2),
                stage(&[40, 48], &[2, 3], &[3, 5], 6, 2),
                stage(&[80, 88], &[2, 3, 4], &[3, 5], 6, 2),
                stage(&[112, 120, 128], &[2, 3, 4, 5, 6], &[3, 5], 6, 1),
                stage(&[192, 200, 208, 216], &[2, 3, 4, 5, 6], &[3, 5], 6, 2),
                stage(&[320, 328, 336, 344, 352], &[1, 2], &[3, 5], 6, 1),
            ],
            head: HeadSpace { widths: vec![1280, 1408] },
        }
    }

    /// The demo's space for 28-pixel grey images (Fashion-MNIST): table 1 in small, with kernel size 3 in the first
    /// stage as there.
    pub fn fashion() -> Self {
        Self {
            name: "fashion".into(),
            input_channels: 1,
            resolutions: vec![20, 24, 28],
            classes: 10,
            activation: Activation::HardSwish,
            padding: Padding::Symmetric,
            norm_epsilon: 1e-5,
            stem: StemSpace { widths: vec![12, 16], kernel: 3, stride: 2 },
            stages: vec![
                stage(&[12, 16], &[1, 2], &[3], 2, 1),
                stage(&[24, 28, 32], &[1, 2], &[3, 5], 4, 2),
                stage(&[40, 52, 64], &[1, 2, 3], &[3, 5], 4, 2),
            ],
            head: HeadSpace { widths: vec![160, 208] },
        }
    }
}
