//! Published networks as spaces with one child. Where blocks of one resolution differ, each is a stage of its own.

use crate::space::{
    Activation, Block, ExpandRatio, HeadSpace, Padding, SearchSpace, SqueezeExcite, SqueezeOf, StageSpace, StemSpace,
};

/// `channels` times a percentage, rounded to a multiple of 8 and not below nine tenths: how all these families scale.
fn scale(channels: u32, percent: u32) -> u32 {
    let exact = channels * percent; // in hundredths
    let rounded = ((exact + 400) / 800 * 8).max(8);
    if 1000 * rounded < 9 * exact { rounded + 8 } else { rounded }
}

/// ImageNet at one resolution; ReLU6 and TensorFlow's padding unless changed.
fn network(name: &str, resolution: u32, stem: u32, stages: Vec<StageSpace>, head: Option<u32>) -> SearchSpace {
    SearchSpace {
        name: name.into(),
        input_channels: 3,
        resolutions: vec![resolution],
        classes: 1000,
        activation: Activation::Relu6,
        padding: Padding::Same,
        norm_epsilon: 1e-3,
        stem: StemSpace { widths: vec![stem], kernel: 3, stride: 2 },
        stages,
        head: head.map(|width| HeadSpace { widths: vec![width], expand_ratio: None }),
    }
}

pub(super) fn mobilenet_v1(name: &str, percent: u32) -> SearchSpace {
    // Width, number of blocks, stride of the first.
    const STAGES: [(u32, u32, u32); 8] =
        [(64, 1, 1), (128, 1, 2), (128, 1, 1), (256, 1, 2), (256, 1, 1), (512, 1, 2), (512, 5, 1), (1024, 1, 2)];
    let separable = |(width, depth, stride): (u32, u32, u32)| StageSpace {
        block: Block::Separable,
        ..StageSpace::new(&[scale(width, percent)], &[depth], &[3], &[1], stride)
    };
    let stages = STAGES.into_iter().chain([(1024, 1, 1)]).map(separable).collect();
    network(name, 224, scale(32, percent), stages, None)
}

pub(super) fn mobilenet_v2(name: &str, percent: u32) -> SearchSpace {
    const STAGES: [(u32, u32, u32, u32); 7] =
        [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
    let stages = (STAGES.into_iter())
        .map(|(ratio, width, depth, stride)| {
            StageSpace::new(&[scale(width, percent)], &[depth], &[3], &[ratio], stride)
        })
        .collect();
    // The paper keeps the last convolution at 1280 for multipliers below 1.
    network(name, 224, scale(32, percent), stages, Some(scale(1280, percent.max(100))))
}

/// MobileNetV2 with the channels that AutoSlim found for 207 M MAdds (Yu and Huang 2019, the authors' repository
/// `slimmable_networks`). Blocks that follow each other with one expand ratio and one width are a stage.
pub(super) fn autoslim_mobilenet_v2(name: &str) -> SearchSpace {
    // Width, expanded width of the first block, number of blocks, stride of the first.
    const STAGES: [(u32, u32, u32, u32); 10] = [
        (8, 8, 1, 1),
        (16, 96, 1, 2),
        (16, 96, 1, 1),
        (24, 96, 3, 2),
        (48, 144, 4, 2),
        (64, 288, 1, 1),
        (64, 432, 2, 1),
        (176, 648, 1, 2),
        (176, 720, 2, 1),
        (280, 1440, 1, 1),
    ];
    let mut input = 8;
    let stages = (STAGES.into_iter())
        .map(|(width, expanded, depth, stride)| {
            let ratio = ExpandRatio::new(f64::from(expanded) / f64::from(input));
            input = width;
            StageSpace {
                expand_ratios: ratio.into_iter().collect(),
                ..StageSpace::new(&[width], &[depth], &[3], &[1], stride)
            }
        })
        .collect();
    SearchSpace { padding: Padding::Symmetric, norm_epsilon: 1e-5, ..network(name, 224, 8, stages, Some(1920)) }
}

/// Once-for-all's child in ProxylessNAS's space for a GTX 1080 Ti at 22 ms and a batch of 64 images (Cai et al. 2020, the
/// authors' file `ofa_specialized/1080ti_gpu64-22ms_top1-75.3_finetune-25/net.config`).
pub(super) fn once_for_all_1080ti_22ms(name: &str) -> SearchSpace {
    // Width, number of blocks, kernel, expand ratio, stride of the first.
    const STAGES: [(u32, u32, u32, u32, u32); 13] = [
        (24, 1, 3, 1, 1),
        (32, 2, 3, 3, 2),
        (56, 1, 5, 3, 2),
        (56, 1, 3, 6, 1),
        (104, 1, 3, 4, 2),
        (104, 1, 5, 4, 1),
        (104, 1, 3, 6, 1),
        (128, 1, 3, 4, 1),
        (128, 1, 3, 6, 1),
        (128, 1, 7, 4, 1),
        (248, 1, 3, 6, 2),
        (248, 2, 5, 4, 1),
        (416, 1, 3, 4, 1),
    ];
    let stages = (STAGES.into_iter())
        .map(|(width, depth, kernel, ratio, stride)| StageSpace::new(&[width], &[depth], &[kernel], &[ratio], stride))
        .collect();
    SearchSpace { padding: Padding::Symmetric, ..network(name, 188, 40, stages, Some(1664)) }
}

pub(super) fn mobilenet_v3_large(name: &str, percent: u32) -> SearchSpace {
    use Activation::{HardSwish, Relu};
    // Kernel, expand ratio in hundredths, width, squeeze-and-excite, activation, stride.
    const BLOCKS: [(u32, u32, u32, bool, Activation, u32); 15] = [
        (3, 100, 16, false, Relu, 1),
        (3, 400, 24, false, Relu, 2),
        (3, 300, 24, false, Relu, 1),
        (5, 300, 40, true, Relu, 2),
        (5, 300, 40, true, Relu, 1),
        (5, 300, 40, true, Relu, 1),
        (3, 600, 80, false, HardSwish, 2),
        (3, 250, 80, false, HardSwish, 1),
        (3, 230, 80, false, HardSwish, 1),
        (3, 230, 80, false, HardSwish, 1),
        (3, 600, 112, true, HardSwish, 1),
        (3, 600, 112, true, HardSwish, 1),
        (5, 600, 160, true, HardSwish, 2),
        (5, 600, 160, true, HardSwish, 1),
        (5, 600, 160, true, HardSwish, 1),
    ];
    let mut input = scale(16, percent);
    let stages = (BLOCKS.into_iter())
        .map(|(kernel, ratio, width, squeeze, activation, stride)| {
            // The expanded width is rounded too, so the ratio is not quite the published one where widths scale.
            let ratio = f64::from(scale(input, ratio)) / f64::from(input);
            input = scale(width, percent);
            StageSpace {
                expand_ratios: ExpandRatio::new(ratio).into_iter().collect(),
                squeeze_excite: squeeze.then_some(SqueezeExcite::MOBILE_NET_V3),
                activation: Some(activation),
                ..StageSpace::new(&[input], &[1], &[kernel], &[1], stride)
            }
        })
        .collect();
    SearchSpace {
        activation: HardSwish,
        head: Some(HeadSpace { widths: vec![scale(1280, percent)], expand_ratio: Some(ExpandRatio::whole(6)) }),
        ..network(name, 224, scale(16, percent), stages, None)
    }
}

pub(super) fn mnasnet_a1(name: &str) -> SearchSpace {
    // Expand ratio, kernel, width, number of blocks, stride, squeeze-and-excite.
    const STAGES: [(u32, u32, u32, u32, u32, bool); 7] = [
        (1, 3, 16, 1, 1, false),
        (6, 3, 24, 2, 2, false),
        (3, 5, 40, 3, 2, true),
        (6, 3, 80, 4, 2, false),
        (6, 3, 112, 2, 1, true),
        (6, 5, 160, 3, 2, true),
        (6, 3, 320, 1, 1, false),
    ];
    let stages = (STAGES.into_iter())
        .map(|(ratio, kernel, width, depth, stride, squeeze)| StageSpace {
            squeeze_excite: squeeze.then_some(SqueezeExcite {
                activation: Some(Activation::Relu),
                of: SqueezeOf::BlockInput,
                ..SqueezeExcite::EFFICIENT_NET
            }),
            ..StageSpace::new(&[width], &[depth], &[kernel], &[ratio], stride)
        })
        .collect();
    SearchSpace { activation: Activation::Relu, ..network(name, 224, 32, stages, Some(1280)) }
}

/// Expand ratio, kernel, width, number of blocks, stride of EfficientNet-B0's stages.
const EFFICIENT_NET: [(u32, u32, u32, u32, u32); 7] = [
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
];

pub(super) fn efficientnet(name: &str, resolution: u32, width_percent: u32, depth_percent: u32) -> SearchSpace {
    let stages = (EFFICIENT_NET.into_iter())
        .map(|(ratio, kernel, width, depth, stride)| StageSpace {
            squeeze_excite: Some(SqueezeExcite::EFFICIENT_NET),
            ..StageSpace::new(
                &[scale(width, width_percent)],
                &[(depth * depth_percent).div_ceil(100)],
                &[kernel],
                &[ratio],
                stride,
            )
        })
        .collect();
    SearchSpace {
        activation: Activation::Swish,
        ..network(name, resolution, scale(32, width_percent), stages, Some(scale(1280, width_percent)))
    }
}

/// EfficientNet without squeeze-and-excite and with ReLU6; stem, head and the number of blocks of the first and last
/// stage do not scale.
pub(super) fn efficientnet_lite(name: &str, resolution: u32, width_percent: u32, depth_percent: u32) -> SearchSpace {
    let last = EFFICIENT_NET.len() - 1;
    let stages = (EFFICIENT_NET.into_iter().enumerate())
        .map(|(index, (ratio, kernel, width, depth, stride))| {
            let depth = if [0, last].contains(&index) { depth } else { (depth * depth_percent).div_ceil(100) };
            StageSpace::new(&[scale(width, width_percent)], &[depth], &[kernel], &[ratio], stride)
        })
        .collect();
    network(name, resolution, 32, stages, Some(1280))
}
