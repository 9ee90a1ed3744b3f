use crate::space::{
    Activation, Block, ExpandRatio, HeadSpace, Padding, SearchSpace, SqueezeExcite, StageSpace, StemSpace, fixed,
};

/// A search space that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The name that commands take; also the space's own.
    pub name: &'static str,
    /// One line on where it is from.
    pub source: &'static str,
    make: fn(&'static str) -> SearchSpace,
}

impl Preset {
    /// The space.
    pub fn space(&self) -> SearchSpace {
        (self.make)(self.name)
    }

    /// The preset called `name`.
    ///
    /// ```
    /// use nestling_core::space::Preset;
    /// let space = Preset::find("efficientnet-b0").map(|preset| preset.space().validated()).transpose()?;
    /// assert!(space.is_some_and(|space| space.smallest() == space.biggest()));
    /// # Ok::<(), nestling_core::space::SpaceError>(())
    /// ```
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|preset| preset.name == name)
    }

    /// All presets: searched spaces first, then fixed networks, which are spaces with one child.
    pub const ALL: &'static [Self] = &[
        preset("table1", "BigNAS, table 1, with squeeze-and-excite of the block input", |name| SearchSpace {
            name: name.into(),
            ..SearchSpace::table1()
        }),
        preset("table1-no-se", "the same without squeeze-and-excite", |name| SearchSpace {
            name: name.into(),
            ..SearchSpace::table1_without_squeeze()
        }),
        preset("table1-relu6", "the same with ReLU6 and SAME padding: EfficientNet-Lite0 is a child", |name| {
            SearchSpace { name: name.into(), ..SearchSpace::table1_relu6() }
        }),
        preset("attentivenas", "AttentiveNAS and AlphaNet", attentivenas),
        preset("fashion", "table 1 in small, for Fashion-MNIST: the demo", |_| SearchSpace::fashion()),
        preset("mobilenet-v1-0.5x", "MobileNetV1, widths halved", |name| fixed::mobilenet_v1(name, 50)),
        preset("mobilenet-v1-1.0x", "MobileNetV1", |name| fixed::mobilenet_v1(name, 100)),
        preset("mobilenet-v2-0.75x", "MobileNetV2, three quarters of the widths", |name| fixed::mobilenet_v2(name, 75)),
        preset("mobilenet-v2-1.0x", "MobileNetV2", |name| fixed::mobilenet_v2(name, 100)),
        preset("mobilenet-v2-1.3x", "MobileNetV2, 1.3 times the widths", |name| fixed::mobilenet_v2(name, 130)),
        preset(
            "autoslim-mobilenet-v2",
            "AutoSlim-MobileNetV2 at 207 M MAdds, channels from the authors' repository",
            fixed::autoslim_mobilenet_v2,
        ),
        preset("mobilenet-v3-large-1.0x", "MobileNetV3-Large", |name| fixed::mobilenet_v3_large(name, 100)),
        preset("mobilenet-v3-large-1.25x", "MobileNetV3-Large, 1.25 times the widths", |name| {
            fixed::mobilenet_v3_large(name, 125)
        }),
        preset("mnasnet-a1", "MNasNet-A1", fixed::mnasnet_a1),
        preset(
            "once-for-all-1080ti-22ms",
            "once-for-all's published child of 313 M MAdds; the one of 327 M was never published",
            fixed::once_for_all_1080ti_22ms,
        ),
        preset("efficientnet-b0", "EfficientNet-B0", |name| fixed::efficientnet(name, 224, 100, 100)),
        preset("efficientnet-b1", "EfficientNet-B1", |name| fixed::efficientnet(name, 240, 100, 110)),
        preset("efficientnet-b2", "EfficientNet-B2", |name| fixed::efficientnet(name, 260, 110, 120)),
        preset("efficientnet-lite0", "EfficientNet-Lite0", |name| fixed::efficientnet_lite(name, 224, 100, 100)),
        preset("efficientnet-lite1", "EfficientNet-Lite1", |name| fixed::efficientnet_lite(name, 240, 100, 110)),
        preset("efficientnet-lite2", "EfficientNet-Lite2", |name| fixed::efficientnet_lite(name, 260, 110, 120)),
    ];
}

const fn preset(name: &'static str, source: &'static str, make: fn(&'static str) -> SearchSpace) -> Preset {
    Preset { name, source, make }
}

impl StageSpace {
    /// A stage of inverted residuals that has everything else as the space has it; expand ratios are whole.
    pub fn new(widths: &[u32], depths: &[u32], kernels: &[u32], expand_ratios: &[u32], stride: u32) -> Self {
        Self {
            widths: widths.to_vec(),
            depths: depths.to_vec(),
            kernels: kernels.to_vec(),
            expand_ratios: expand_ratios.iter().map(|&ratio| ExpandRatio::whole(ratio)).collect(),
            stride,
            block: Block::InvertedResidual,
            transition_skips: false,
            squeeze_excite: None,
            activation: None,
            padding: None,
            norm_epsilon: None,
        }
    }
}

impl SearchSpace {
    /// The paper's space for ImageNet (BigNAS, table 1), with swish and with squeeze-and-excite of a quarter of the
    /// block input: the only variant in which all four published children exist.
    pub fn table1() -> Self {
        let mut space = Self { name: "table1".into(), ..Self::table1_without_squeeze() };
        for stage in &mut space.stages {
            stage.squeeze_excite = Some(SqueezeExcite::EFFICIENT_NET);
        }
        space
    }

    /// Table 1 as it is printed: without squeeze-and-excite.
    pub fn table1_without_squeeze() -> Self {
        Self {
            name: "table1-no-se".into(),
            input_channels: 3,
            resolutions: vec![192, 224, 256, 288, 320],
            classes: 1000,
            activation: Activation::Swish,
            padding: Padding::Symmetric,
            norm_epsilon: 1e-3,
            stem: StemSpace { widths: vec![32, 40], kernel: 3, stride: 2 },
            stages: vec![
                StageSpace::new(&[16, 24], &[1, 2], &[3], &[1], 1),
                StageSpace::new(&[24, 32], &[2, 3], &[3], &[6], 2),
                StageSpace::new(&[40, 48], &[2, 3], &[3, 5], &[6], 2),
                StageSpace::new(&[80, 88], &[2, 3, 4], &[3, 5], &[6], 2),
                StageSpace::new(&[112, 120, 128], &[2, 3, 4, 5, 6], &[3, 5], &[6], 1),
                StageSpace::new(&[192, 200, 208, 216], &[2, 3, 4, 5, 6], &[3, 5], &[6], 2),
                StageSpace::new(&[320, 328, 336, 344, 352], &[1, 2], &[3, 5], &[6], 1),
            ],
            head: Some(HeadSpace { widths: vec![1280, 1408], expand_ratio: None }),
        }
    }

    /// Table 1 without squeeze-and-excite, with ReLU6 and TensorFlow's padding: EfficientNet-Lite0 is a child of it.
    pub fn table1_relu6() -> Self {
        Self {
            name: "table1-relu6".into(),
            activation: Activation::Relu6,
            padding: Padding::Same,
            ..Self::table1_without_squeeze()
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
                StageSpace::new(&[12, 16], &[1, 2], &[3], &[2], 1),
                StageSpace::new(&[24, 28, 32], &[1, 2], &[3, 5], &[4], 2),
                StageSpace::new(&[40, 52, 64], &[1, 2, 3], &[3, 5], &[4], 2),
            ],
            head: Some(HeadSpace { widths: vec![160, 208], expand_ratio: None }),
        }
    }
}

/// The space of AttentiveNAS and AlphaNet: elastic expand ratios, squeeze-and-excite in stages 3, 5, 6 and 7, and a
/// skip around every block.
fn attentivenas(name: &str) -> SearchSpace {
    let squeezed = |mut stage: StageSpace| {
        stage.squeeze_excite = Some(SqueezeExcite::MOBILE_NET_V3);
        stage
    };
    let mut stages = vec![
        StageSpace::new(&[16, 24], &[1, 2], &[3, 5], &[1], 1),
        StageSpace::new(&[24, 32], &[3, 4, 5], &[3, 5], &[4, 5, 6], 2),
        squeezed(StageSpace::new(&[32, 40], &[3, 4, 5, 6], &[3, 5], &[4, 5, 6], 2)),
        StageSpace::new(&[64, 72], &[3, 4, 5, 6], &[3, 5], &[4, 5, 6], 2),
        squeezed(StageSpace::new(&[112, 120, 128], &[3, 4, 5, 6, 7, 8], &[3, 5], &[4, 5, 6], 1)),
        squeezed(StageSpace::new(&[192, 200, 208, 216], &[3, 4, 5, 6, 7, 8], &[3, 5], &[6], 2)),
        squeezed(StageSpace::new(&[216, 224], &[1, 2], &[3, 5], &[6], 1)),
    ];
    for stage in &mut stages {
        stage.transition_skips = true;
    }
    SearchSpace {
        name: name.into(),
        resolutions: vec![192, 224, 256, 288],
        norm_epsilon: 1e-5,
        stem: StemSpace { widths: vec![16, 24], kernel: 3, stride: 2 },
        stages,
        head: Some(HeadSpace { widths: vec![1792, 1984], expand_ratio: Some(ExpandRatio::whole(6)) }),
        ..SearchSpace::table1_without_squeeze()
    }
}
