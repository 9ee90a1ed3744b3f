//! Golden pictures: what the trainer answers for some pictures, so that a device can compare itself.

use super::PackRunError;
use crate::model::{Norm, Parameters, forward, norm_tensors, values_of};
use nestling_bundle::{Bundle, GoldenChild, GoldenPicture, GoldenPictures};
use nestling_core::image::{Fit, Image, Placement, Preprocessing, Region, Resampler};
use nestling_core::space::{CalibratedChild, ValidatedSpace};
use nestling_pictures::{Picture, PictureError, PictureOptions};
use tch::{Tensor, no_grad};

/// An encoded picture to be shipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenSource {
    /// A name for people, such as that of its file.
    pub name: String,
    /// The bytes of a JPEG, PNG or WebP file of any size.
    pub bytes: Vec<u8>,
}

/// A supernet with the weights that ship: those that the bundle's storage gives back.
#[derive(Clone, Copy, Debug)]
pub struct ShippedNetwork<'a> {
    /// Its space.
    pub space: &'a ValidatedSpace,
    /// The shared parameters, in the order of the layout.
    pub weights: &'a [f32],
    /// How pixels become input.
    pub preprocessing: &'a Preprocessing,
}

/// The logits of each named child for each picture, at the child's resolution: decoded, fitted and normalised as a
/// device does it.
///
/// A file that is larger than [`GoldenPictures::MAX_BYTES`] ships as a small PNG file instead, and the logits are those
/// of that.
///
/// # Errors
/// [`PackRunError::Picture`] if a file is no picture, [`PackRunError`] if a child is not of the space.
pub fn golden_pictures(
    network: ShippedNetwork<'_>,
    children: &[(&str, &CalibratedChild)],
    sources: &[GoldenSource],
) -> Result<GoldenPictures, PackRunError> {
    let options = PictureOptions::for_fit(network.preprocessing.fit);
    let (mut pictures, mut decoded) = (Vec::new(), Vec::new());
    for source in sources {
        let refused = |error: PictureError| PackRunError::Picture { name: source.name.clone(), source: error };
        let mut picture = Picture::decode_with(&source.bytes, &options).map_err(refused)?;
        let mut bytes = source.bytes.clone();
        if bytes.len() > GoldenPictures::MAX_BYTES {
            bytes = small_png(&picture.image());
            picture = Picture::decode_with(&bytes, &options).map_err(refused)?;
        }
        pictures.push(GoldenPicture { name: source.name.clone(), bytes });
        decoded.push(picture);
    }
    let parameters = Parameters::from_values(network.space, network.weights, tch::Device::Cpu);
    let children = children
        .iter()
        .map(|(name, child)| {
            let logits = logits(network, &parameters, child, &decoded)?;
            Ok(GoldenChild { child: (*name).to_owned(), logits })
        })
        .collect::<Result<_, PackRunError>>()?;
    Ok(GoldenPictures { pictures, children })
}

/// The golden pictures of a bundle that is there already, with the answers of its smallest and its biggest child:
/// [`Bundle::with_golden_pictures`] puts them into it.
///
/// # Errors
/// As [`golden_pictures`], or if the bundle cannot be read any more.
pub fn golden_pictures_of(bundle: &Bundle, sources: &[GoldenSource]) -> Result<GoldenPictures, PackRunError> {
    let weights = bundle.weights()?;
    let preprocessing = &bundle.manifest().preprocessing;
    let network = ShippedNetwork { space: bundle.space(), weights: &weights, preprocessing };
    let names = bundle.children().iter().map(|entry| entry.name.as_str());
    let children: Vec<_> = names.zip(bundle.calibrated()).collect();
    golden_pictures(network, &smallest_and_biggest(&children), sources)
}

/// The first and the last of children that are sorted by their cost.
pub(super) fn smallest_and_biggest<T: Copy>(children: &[T]) -> Vec<T> {
    match children {
        [first, .., last] => vec![*first, *last],
        few => few.to_vec(),
    }
}

fn logits(
    ShippedNetwork { space, preprocessing, .. }: ShippedNetwork<'_>,
    parameters: &Parameters,
    child: &CalibratedChild,
    pictures: &[Picture],
) -> Result<Vec<Vec<f32>>, PackRunError> {
    let network = space.lower(child.child())?;
    let norms = norm_tensors(&network, child.statistics(), parameters.flat());
    let shape = [1, network.input.channels, network.input.height, network.input.width].map(i64::from);
    let mut resampler = Resampler::default();
    // One at a time: the sums of a batch may be in another order.
    let mut answer = |picture: &Picture| {
        let tensor = resampler.preprocess(&picture.image(), preprocessing, network.child.resolution);
        let input = Tensor::from_slice(&tensor).view(shape);
        no_grad(|| values_of(&forward(&network, parameters, &input, Norm::Calibrated(&norms), None).flatten(0, -1)))
    };
    Ok(pictures.iter().map(&mut answer).collect())
}

/// The picture as a PNG file that a bundle takes whatever its pixels are: 288 squared times 3 bytes are fewer than 256
/// KiB, and PNG adds little where it cannot compress.
fn small_png(image: &Image<'_>) -> Vec<u8> {
    const SIDE: u32 = 288;
    // Values from 0 to 255.
    let bytes_as_they_are = Preprocessing {
        means: vec![0.0; 3],
        standard_deviations: vec![1.0 / 255.0; 3],
        centre_fraction: 1.0,
        fit: Fit::Pad,
    };
    let Region { width, height, .. } = image.placement(&bytes_as_they_are, SIDE).target;
    let source = Region { left: 0, top: 0, width: image.width(), height: image.height() };
    // A side of one pixel would be no picture any more.
    let target = Region { left: 0, top: 0, width: width.max(Image::MIN_SIDE), height: height.max(Image::MIN_SIDE) };
    let square = (SIDE * SIDE) as usize;
    let mut tensor = vec![0.0; 3 * square];
    Resampler::default().place_into(image, Placement { source, target }, &bytes_as_they_are, &mut tensor);
    let mut pixels = Vec::with_capacity(3 * (target.width * target.height) as usize);
    for row in 0..target.height {
        for column in 0..target.width {
            let at = (row * SIDE + column) as usize;
            pixels.extend([0, 1, 2].map(|channel| tensor[channel * square + at].round() as u8));
        }
    }
    encode_png(target.width, target.height, &pixels)
}

fn encode_png(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Memory takes all that is written, and there are exactly as many bytes as pixels; of a file that was not written,
    // decoding says so.
    if let Ok(mut writer) = encoder.write_header() {
        let _ = writer.write_image_data(rgb);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::untrained::random_weights;
    use nestling_core::image::preprocess;
    use nestling_core::reference::{self, SharedWeights};
    use nestling_core::space::SearchSpace;
    use rand::{RngExt, SeedableRng};

    /// It does not compress.
    fn noise(count: usize) -> Vec<u8> {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        (0..count).map(|_| random.random()).collect()
    }

    #[test]
    fn a_small_png_shows_the_same_picture_and_always_fits() {
        for (width, height, expected) in [(900, 600, (288, 192)), (300, 2000, (43, 288)), (5000, 4, (288, 2))] {
            let bytes = noise((3 * width * height) as usize);
            let image = Image::rgb8(width, height, &bytes).unwrap();
            let file = small_png(&image);
            assert!(file.len() <= GoldenPictures::MAX_BYTES, "{}", file.len());
            let small = Picture::decode(&file).unwrap();
            assert_eq!((small.image().width(), small.image().height()), expected);
        }
        let gradient: Vec<u8> =
            (0..600 * 600).flat_map(|index| [(index % 600 / 3) as u8, (index / 600 / 3) as u8, 9]).collect();
        let small = small_png(&Image::rgb8(600, 600, &gradient).unwrap());
        let small = Picture::decode(&small).unwrap();
        let value = |channel| small.image().value(72, 216, channel, 3);
        assert!((value(0) - 150.5).abs() < 1.0 && (value(1) - 50.2).abs() < 1.0 && value(2) == 9.0);
        let square = noise(3 * 288 * 288);
        assert!(small_png(&Image::rgb8(288, 288, &square).unwrap()).len() <= GoldenPictures::MAX_BYTES);
    }

    #[test]
    fn a_file_that_is_too_large_ships_smaller_and_the_answers_are_those_of_what_ships() {
        crate::torch::initialise();
        let space = SearchSpace { input_channels: 3, ..SearchSpace::fashion() }.validated().unwrap();
        let weights = random_weights(&space, 5);
        let (means, standard_deviations) = (vec![0.5; 3], vec![0.25; 3]);
        let preprocessing = Preprocessing { means, standard_deviations, centre_fraction: 1.0, fit: Fit::Pad };
        let network = ShippedNetwork { space: &space, weights: &weights, preprocessing: &preprocessing };
        let lowered = space.lower(&space.biggest()).unwrap();
        let child = CalibratedChild::neutral(&lowered);
        let source = |bytes: Vec<u8>| GoldenSource { name: "a picture".into(), bytes };
        let large = source(encode_png(400, 300, &noise(3 * 400 * 300)));
        assert!(large.bytes.len() > GoldenPictures::MAX_BYTES);
        let golden = golden_pictures(network, &[("biggest", &child)], &[large]).unwrap();
        let shipped = golden.pictures[0].bytes.clone();
        assert!(shipped.len() <= GoldenPictures::MAX_BYTES);
        // A picture that was made to ship is not changed again.
        let again = golden_pictures(network, &[("biggest", &child)], &[source(shipped.clone())]).unwrap();
        assert_eq!(again, golden);
        // And the answers are those of the definition.
        let picture = Picture::decode(&shipped).unwrap();
        let tensor = preprocess(&picture.image(), &preprocessing, lowered.child.resolution);
        let shared = SharedWeights { layout: space.layout(), values: &weights };
        let expected = reference::forward(&lowered, &shared, child.statistics(), &tensor).pop().unwrap();
        let largest = expected.iter().fold(0.0, |largest: f64, logit| largest.max(logit.abs()));
        for (given, expected) in golden.children[0].logits[0].iter().zip(&expected) {
            assert!((f64::from(*given) - expected).abs() < 1e-4 * largest, "{given} is not {expected}");
        }
        let error = golden_pictures(network, &[], &[source(b"GIF89a and so on".to_vec())]).unwrap_err();
        assert_eq!(error.code(), "picture_format");
        assert!(error.to_string().contains("golden picture `a picture`"), "{error}");
    }
}
