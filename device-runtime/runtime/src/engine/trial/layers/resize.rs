//! The two kernels of the resize, each beside the definition.
//!
//! A picture that is resized in one direction only is a test of one kernel: the other direction changes nothing.

use super::answer::compared;
use super::bench::Bench;
use super::probe::FAR_OFF;
use crate::Error;
use crate::engine::plan::LayerPlan;
use crate::gpu::Fault;
use nestling_core::image::{Fit, Image, Plane, Preprocessing, YuvColour, YuvMatrix, YuvRange, preprocess};
use nestling_shaders::{Kernel, ResizeParameters, Specialisation};

/// Side of the network's input.
const SIDE: u32 = 9;
/// The other side of the picture: it is made smaller.
const LONG: u32 = 20;
const PIXELS: usize = (SIDE * SIDE) as usize;
/// The largest error of a value, over the largest of all.
const TOLERANCE: f64 = 2e-5;
const COLOUR: YuvColour = YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Full };

/// Bytes of a source, the way to read them, and the outputs that are right.
struct Case {
    source: Vec<u8>,
    parameters: ResizeParameters,
    right: Vec<[f64; 4]>,
}

/// The first value of a kernel of the resize that is far off, differs another time, or is written elsewhere.
pub(super) async fn tested(bench: &mut Bench, kernel: Kernel, one: Specialisation) -> Result<Option<Fault>, Error> {
    let workgroups = [SIDE.div_ceil(one.workgroup), SIDE, 1];
    let plan = LayerPlan { kernel, specialisation: one, workgroups };
    if let Some(fault) = bench.refused(&plan).await? {
        return Ok(Some(fault));
    }
    let cases = match kernel {
        Kernel::ResizeColumns => columns(),
        _ => rows(),
    };
    for case in cases {
        if let Some(fault) = wrong(bench, &plan, &case).await? {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

async fn wrong(bench: &Bench, plan: &LayerPlan, case: &Case) -> Result<Option<Fault>, Error> {
    let poison = vec![[f32::NAN; 4]; PIXELS + 64];
    bench.send(&bench.arena.filtered, &case.source);
    bench.send(&bench.arena.parameters, bytemuck::bytes_of(&case.parameters));
    let mut first: Option<Vec<u32>> = None;
    // Twice over poison, and once over its own output.
    for is_poisoned in [true, true, false] {
        if is_poisoned {
            bench.send(&bench.arena.block, bytemuck::cast_slice(&poison));
        }
        let found = bench.dispatched(plan, poison.len()).await?;
        let (own, beside) = found.split_at(PIXELS);
        if let Some(value) = beside.iter().flatten().find(|value| !value.is_nan()) {
            let expected = "nothing written there".to_owned();
            return Ok(Some(Fault { found: format!("{value:e} beside the output"), expected }));
        }
        let bits: Vec<u32> = own.iter().flatten().map(|value| value.to_bits()).collect();
        if first.get_or_insert_with(|| bits.clone()) != &bits {
            let expected = "the bits of the first time".to_owned();
            return Ok(Some(Fault { found: "other bits another time".to_owned(), expected }));
        }
        let right = case.right.iter().flatten().copied();
        let allowed = TOLERANCE * right.clone().fold(1.0, |most: f64, value| most.max(value.abs()));
        let (worst, fault) = compared(own.iter().flatten().copied().zip(right.map(|wanted| (wanted, allowed))));
        if worst > FAR_OFF {
            return Ok(fault);
        }
    }
    Ok(None)
}

/// Bytes without a pattern.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * index * 7 + index * 31 % 251) as u8).collect()
}

/// The tensor of a picture, an element for each pixel.
fn tensor(image: &Image<'_>, means: &[f32], standard_deviations: &[f32]) -> Vec<[f64; 4]> {
    let preprocessing = Preprocessing {
        means: means.to_vec(),
        standard_deviations: standard_deviations.to_vec(),
        centre_fraction: 1.0,
        fit: Fit::Squash,
    };
    let values = preprocess(image, &preprocessing, SIDE);
    let value =
        |channel: usize, pixel: usize| if channel < means.len() { values[channel * PIXELS + pixel] } else { 0.0 };
    (0..PIXELS).map(|pixel| std::array::from_fn(|channel| value(channel, pixel))).collect()
}

/// The first pass gives 0 to 255.
fn in_bytes(image: &Image<'_>, channels: usize) -> Vec<[f64; 4]> {
    let tensor = tensor(image, &vec![0.0; channels], &vec![1.0; channels]);
    tensor.into_iter().map(|element| element.map(|value| 255.0 * value)).collect()
}

/// A picture of each way to read a pixel.
fn columns() -> Vec<Case> {
    let pixels = (LONG * SIDE) as usize;
    let common = ResizeParameters {
        source: [LONG, SIDE],
        fitted: [SIDE, SIDE],
        target_side: SIDE,
        channels: 3,
        order: [0, 1, 2],
        grey: [1.0, 0.0, 0.0],
        ..ResizeParameters::default()
    };
    let packed = |kind: u32, size: u32| ResizeParameters {
        kind,
        right: [size as i32, 0],
        down: [(LONG * size) as i32, 0],
        ..common
    };
    let mut cases = Vec::new();
    let mut add = |image: Option<Image<'_>>, source: &[u8], parameters: ResizeParameters| {
        let mut source = source.to_vec();
        source.resize(source.len().next_multiple_of(4), 0);
        let right = image.map(|image| in_bytes(&image, parameters.channels as usize));
        cases.extend(right.map(|right| Case { source, parameters, right }));
    };
    let source = bytes(4 * pixels);
    add(Image::rgba8(LONG, SIDE, &source).ok(), &source, packed(ResizeParameters::WHOLE_PIXELS, 4));
    let source = &source[..3 * pixels];
    add(Image::rgb8(LONG, SIDE, source).ok(), source, packed(ResizeParameters::THREE_BYTES, 3));
    // An even number of columns, an odd one of rows: a row of chroma for each two of luma.
    let chroma_rows = SIDE.div_ceil(2);
    let source = bytes(pixels + (LONG * chroma_rows) as usize);
    let (luma, chroma) = source.split_at(pixels);
    let factors = COLOUR.factors();
    let frame = ResizeParameters {
        luma: [factors.luma_scale, factors.luma_shift].map(|value| value as f32),
        chroma: [factors.red_from_cr, factors.green_from_cb, factors.green_from_cr, factors.blue_from_cb]
            .map(|value| value as f32),
        chroma_first: [pixels as i32, pixels as i32 + 1],
        chroma_next: [2, LONG as i32],
        ..packed(ResizeParameters::LUMA_AND_CHROMA, 1)
    };
    let image = || Image::nv12(LONG, SIDE, Plane::new(luma, LONG), Plane::new(chroma, LONG), COLOUR).ok();
    add(image(), &source, frame);
    let grey = ResizeParameters { kind: ResizeParameters::LUMA, channels: 1, ..frame };
    add(image(), luma, grey);
    cases
}

/// A picture upright, and as the transpose of one.
fn rows() -> Vec<Case> {
    let (means, deviations) = ([0.3, 0.4, 0.5], [0.2, 0.3, 0.25]);
    let picture = bytes(3 * (SIDE * LONG) as usize);
    let source: Vec<[f32; 4]> = (picture.chunks_exact(3))
        .map(|pixel| [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2]), 0.0])
        .collect();
    let scale = std::array::from_fn(|lane| deviations.get(lane).map_or(0.0, |one| 1.0 / (255.0 * one)));
    let shift = std::array::from_fn(|lane| if lane < 3 { -means[lane] / deviations[lane] } else { 0.0 });
    let (size, fitted) = ([SIDE, LONG], [SIDE, SIDE]);
    let common =
        ResizeParameters { source: size, fitted, target_side: SIDE, channels: 3, scale, shift, ..Default::default() };
    let Ok(image) = Image::rgb8(SIDE, LONG, &picture) else { return Vec::new() };
    let right = tensor(&image, &means, &deviations);
    let side = SIDE as usize;
    let transposed = (0..PIXELS).map(|pixel| right[pixel % side * side + pixel / side]).collect();
    let case = |transposed: u32, right: Vec<[f64; 4]>| Case {
        source: bytemuck::cast_slice(&source).to_vec(),
        parameters: ResizeParameters { transposed, ..common },
        right,
    };
    vec![case(0, right), case(1, transposed)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_read_a_pixel_is_tested() {
        let kinds: Vec<u32> = columns().iter().map(|case| case.parameters.kind).collect();
        assert_eq!(kinds, [0, 1, 3, 2]);
        assert!(columns().iter().chain(&rows()).all(|case| case.right.len() == PIXELS && case.source.len() % 4 == 0));
    }
}
