//! Bundles that arrive piece by piece.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use common::{bundle_bytes_as, random};
use nestling_bundle::{Bundle, BundleError, BundleStream, FORMAT_VERSION};
use nestling_core::space::Network;
use nestling_core::weights::WeightStorage;
use rand::RngExt;

/// Where the first sections end, as the header says.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let count = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    (0..count).map(|row| number(16 + 40 * row + 8) + number(16 + 40 * row + 16)).collect()
}

/// The weights, gammas, betas and biases that a child reads, as the bits of their values.
fn read(bundle: &Bundle, values: &[f32], network: &Network) -> Vec<u32> {
    let layout = bundle.layout();
    let mut read = Vec::new();
    for layer in &network.layers {
        let Some(convolution) = layer.convolution.map(|index| &layout.convolutions[index]) else { continue };
        let (shape, full) = (&layer.shape, convolution.kernel);
        let (outputs, crop) = (shape.output.channels, (full - shape.kernel) / 2);
        let columns = convolution.operator.channels_read(convolution.inputs);
        let tensor = |parameter: usize| &values[layout.parameters[parameter].range()];
        for output in 0..outputs {
            for input in 0..shape.operator.channels_read(shape.input.channels) {
                for place in 0..shape.kernel * shape.kernel {
                    let (y, x) = (crop + place / shape.kernel, crop + place % shape.kernel);
                    let at = ((output * columns + input) * full + y) * full + x;
                    read.push(tensor(convolution.weight)[at as usize].to_bits());
                }
            }
            for parameter in [Some(convolution.scale_or_bias), convolution.shift].into_iter().flatten() {
                read.push(tensor(parameter)[output as usize].to_bits());
            }
        }
    }
    read
}

/// The flat vector of all parameters; zero where they have not arrived.
fn arrived(bundle: &Bundle) -> Vec<f32> {
    let mut values = vec![f32::NAN; bundle.layout().len()];
    let put = |index: usize, tensor: &[f32]| {
        values[bundle.layout().parameters[index].range()].copy_from_slice(tensor);
        Ok::<(), BundleError>(())
    };
    bundle.visit_weights(put).unwrap();
    values
}

#[test]
fn a_child_is_whole_as_soon_as_its_shell_has_arrived() {
    for storage in WeightStorage::ALL {
        let bytes = bundle_bytes_as(storage);
        let whole = Bundle::from_bytes(&bytes).unwrap();
        let all = whole.weights().unwrap();
        let (mut stream, mut random, mut at, mut seen) = (BundleStream::default(), random(3), 0, 0);
        while at < bytes.len() {
            let piece = random.random_range(0..20_000).min(bytes.len() - at);
            stream.push(&bytes[at..at + piece]).unwrap();
            at += piece;
            let count = stream.arrived_children();
            assert!(count >= seen && stream.arrived_bytes() == at as u64);
            let bundle = stream.bundle().unwrap();
            assert_eq!(bundle.is_some(), count > 0, "{storage}: {at} bytes");
            let Some(bundle) = bundle.filter(|_| count > seen) else { continue };
            seen = count;
            assert_eq!(bundle.calibrated(), &whole.calibrated()[..count]);
            assert_eq!((bundle.children(), bundle.network_id()), (whole.children(), whole.network_id()));
            let values = arrived(&bundle);
            for network in &bundle.networks()[..count] {
                assert!(read(&bundle, &values, network) == read(&whole, &all, network), "{storage}: {}", network.child);
            }
        }
        assert!(stream.is_whole() && seen == whole.children().len());
        assert_eq!(stream.expected_bytes(), Some(bytes.len() as u64));
        assert_eq!(stream.bundle().unwrap().unwrap().weights().unwrap(), all);
        assert_eq!(stream.finish().unwrap().id(), whole.id());
    }
}

#[test]
fn the_smallest_child_needs_a_small_part_of_the_bytes() {
    let bytes = bundle_bytes_as(WeightStorage::F32);
    let bundle = Bundle::from_bytes(&bytes).unwrap();
    let (smallest, biggest) = (&bundle.networks()[0], bundle.networks().last().unwrap());
    let needed = 4 * smallest.cost().params as usize + 8 * smallest.normalised_channels();
    let first = ends(&bytes)[1];
    assert!(first < needed + 4096, "{first} bytes before the first answer, of which the child reads {needed}");
    assert!((first as f64) < 0.25 * 4.0 * biggest.cost().params as f64);
}

#[test]
fn what_needs_the_whole_bundle_says_so_until_it_is_there() {
    let bytes = bundle_bytes_as(WeightStorage::F32);
    let mut stream = BundleStream::default();
    stream.push(&bytes[..ends(&bytes)[1]]).unwrap();
    let bundle = stream.bundle().unwrap().unwrap();
    assert!(!bundle.is_whole() && !stream.is_whole());
    let mut other = BundleStream::default();
    other.push(&bytes[..ends(&bytes)[1]]).unwrap();
    assert_eq!(other.finish().map(drop).unwrap_err().code(), "bundle_truncated");
    let errors = [
        bundle.weights().map(drop),
        bundle.child("biggest").map(drop),
        bundle.golden_pictures().map(drop),
        bundle.with_latency_tables(Vec::new()).map(drop),
        bundle.with_golden_pictures(None).map(drop),
        bundle.with_shells().map(drop),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!(error.code(), "bundle_incomplete", "{error}");
    }
    assert!(bundle.child("smallest").is_ok() && bundle.images().is_none());
    assert_eq!((bundle.calibration_images().len(), bundle.check_images().len()), (0, 0));
    stream.push(&bytes[ends(&bytes)[1]..]).unwrap();
    assert!(stream.bundle().unwrap().unwrap().weights().is_ok());
}

#[test]
fn damage_is_noticed_with_the_section_that_has_it() {
    let bytes = bundle_bytes_as(WeightStorage::Int8);
    let ends = ends(&bytes);
    // The last section, of no images, has only the padding before it.
    for &end in ends.iter().skip(1) {
        let mut damaged = bytes.clone();
        damaged[end - 1] ^= 1;
        let mut stream = BundleStream::default();
        stream.push(&damaged[..end - 1]).unwrap();
        let error = stream.push(&damaged[end - 1..end]).unwrap_err();
        assert!(matches!(error, BundleError::Damaged { part: "shell" | "padding" }), "{error}");
    }
    let mut stream = BundleStream::default();
    let error = stream.push(b"<html>").unwrap_err();
    assert_eq!(error.code(), "bundle_not_a_bundle");
    let mut stream = BundleStream::default();
    stream.push(&bytes).unwrap();
    assert_eq!(stream.push(&[0]).unwrap_err().code(), "bundle_too_long");
}

#[test]
fn bundles_of_older_formats_arrive_as_a_whole() {
    let old = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/bundle-v7.nestling")).unwrap();
    let trained = Bundle::from_bytes(&old).unwrap();
    let mut stream = BundleStream::default();
    stream.push(&old[..old.len() - 1]).unwrap();
    assert!(stream.bundle().unwrap().is_none() && stream.arrived_children() == 0);
    stream.push(&old[old.len() - 1..]).unwrap();
    assert!(stream.bundle().unwrap().is_some() && stream.is_whole());
    let new = Bundle::from_bytes(&trained.with_shells().unwrap()).unwrap();
    assert_eq!(
        (new.format(), new.manifest(), new.network_id()),
        (FORMAT_VERSION, trained.manifest(), trained.network_id())
    );
    assert_eq!(new.weights().unwrap(), trained.weights().unwrap());
    assert_eq!(new.calibrated(), trained.calibrated());
    let corners = |bundle: &Bundle| -> Vec<_> {
        bundle.check_images().map(|(image, label)| (image.value(3, 3, 0, 1).to_bits(), label)).collect()
    };
    assert_eq!(corners(&new), corners(&trained));
}
