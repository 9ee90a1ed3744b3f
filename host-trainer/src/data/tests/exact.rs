use super::*;
use nestling_core::image::{Image, preprocess};

/// A TIFF header whose one entry is the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    [b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation], &[0; 7]].concat()
}

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A PNG file with a tag before its pixels.
fn tagged(file: &[u8], orientation: u8) -> Vec<u8> {
    let (tag, length) = ([b"eXIf", &*exif(orientation)].concat(), exif(orientation).len() as u32);
    [&file[..33], &length.to_be_bytes(), &tag, &crc32(&tag).to_be_bytes(), &file[33..]].concat()
}

/// Where the pixel of the upright picture is in a file with such a tag.
fn stored(orientation: u8, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
    let (right, bottom) = (width - 1 - x, height - 1 - y);
    [(x, y), (right, y), (right, bottom), (x, bottom), (y, x), (y, right), (bottom, right), (bottom, x)]
        [usize::from(orientation) - 1]
}

#[test]
fn all_orientations_of_one_picture_give_one_square_and_one_input() {
    let place = Place::with_classes(3);
    let upright = pattern(48, 32, 77);
    for orientation in 1..=8 {
        let (width, height) = if orientation < 5 { (48, 32) } else { (32, 48) };
        let mut turned = RgbImage::new(width, height);
        for (x, y, pixel) in upright.enumerate_pixels() {
            let (column, row) = stored(orientation, x, y, 48, 32);
            turned.put_pixel(column, row, *pixel);
        }
        let file = tagged(&encode(turned, ImageFormat::Png), orientation);
        place.write(&format!("a/turned{orientation}.png"), &file);
    }
    let data = place.load();
    let report = data.scan.as_ref().unwrap();
    assert_eq!(report.counts.get("near-duplicate, but used"), Some(&7), "{:?}", report.counts);
    let used: Vec<_> = report.used.iter().filter(|picture| picture.path.contains("turned")).collect();
    assert!(used.len() == 8 && used.iter().all(|picture| (picture.width, picture.height) == (48, 32)));
    let all = [&data.training, data.held_out.as_ref().unwrap(), &data.test];
    let squares: Vec<Vec<u8>> = all.iter().flat_map(|part| contents(part)).map(|(pixels, _)| pixels).collect();
    let inputs: Vec<Vec<f32>> = all
        .iter()
        .flat_map(|part| part.exact_batches(&data.preprocessing, 24, 1).unwrap())
        .map(Result::unwrap)
        .collect();
    let image = Image::rgb8(48, 32, upright.as_raw()).unwrap();
    let expected: Vec<f64> = preprocess(&image, &data.preprocessing, 24);
    let is_it = |input: &&Vec<f32>| input.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5);
    assert_eq!(inputs.iter().filter(is_it).count(), 8);
    let first = inputs.iter().position(|input| is_it(&input)).unwrap();
    assert_eq!(inputs.iter().filter(|input| **input == inputs[first]).count(), 8, "to the bit");
    assert_eq!(squares.iter().filter(|square| **square == squares[first]).count(), 8);
}

#[test]
fn inputs_are_kept_for_the_next_child_and_the_next_process_within_a_budget() {
    let place = Place::with_classes(6);
    let inputs = |data: &LoadedData, resolution: u32| -> Vec<f32> {
        data.test.exact_batches(&data.preprocessing, resolution, 2).unwrap().flat_map(Result::unwrap).collect()
    };
    let data = place.load();
    let [first, other] = [16, 24].map(|resolution| inputs(&data, resolution));
    // Without the originals, only what was kept can be read.
    let move_all = |from: &dyn Fn(&str) -> PathBuf, to: &dyn Fn(&str) -> PathBuf| {
        let names = data.pictures.iter().flat_map(|pictures| &pictures.test);
        names.for_each(|name| std::fs::rename(from(name), to(name)).unwrap());
    };
    let here = |name: &str| place.data().join(name);
    let away = |name: &str| place.folder.path().join(name.replace('/', "-"));
    move_all(&here, &away);
    assert_eq!([16, 24].map(|resolution| inputs(&data, resolution)), [first.clone(), other.clone()]);
    assert!(
        data.test.exact_batches(&data.preprocessing, 32, 2).unwrap().next().unwrap().is_err(),
        "nothing was kept of it"
    );
    move_all(&away, &here);
    // Another one at the same time computes what it needs, to the bit, and the next one reads what the first one kept.
    let second = place.load();
    assert_eq!(inputs(&second, 16), first);
    drop(second);
    let (pictures, preprocessing) = (data.pictures.clone().unwrap(), data.preprocessing.clone());
    drop(data);
    let next = place.load();
    assert_eq!(next.preprocessing, preprocessing);
    for name in &pictures.test {
        std::fs::remove_file(place.data().join(name)).unwrap();
    }
    assert_eq!(inputs(&next, 24), other);
}

#[test]
fn inputs_are_the_same_without_a_place_to_keep_them() {
    let place = Place::with_classes(6);
    let read = |bytes: u64| -> Vec<f32> {
        let data = load(&place.request().cache_bytes(bytes), &()).unwrap();
        let inputs = data.test.exact_batches(&data.preprocessing, 20, 3).unwrap().flat_map(Result::unwrap).collect();
        assert_eq!(
            data.test.exact_batches(&data.preprocessing, 20, 3).unwrap().flat_map(Result::unwrap).collect::<Vec<f32>>(),
            inputs
        );
        inputs
    };
    assert_eq!(read(0), read(1 << 30));
}

#[test]
fn each_preprocessing_has_inputs_of_its_own() {
    let place = Place::with_classes(6);
    let data = place.load();
    let other = nestling_core::image::Preprocessing {
        means: vec![0.0; 3],
        standard_deviations: vec![1.0; 3],
        centre_fraction: 0.5,
        fit: nestling_core::image::Fit::Pad,
    };
    let file = std::fs::read(place.data().join(&data.pictures.as_ref().unwrap().test[0])).unwrap();
    let image = image::load_from_memory(&file).unwrap().to_rgb8();
    let image = Image::rgb8(image.width(), image.height(), image.as_raw()).unwrap();
    for _ in 0..2 {
        for preprocessing in [&data.preprocessing, &other] {
            let input = data.test.exact_batches(preprocessing, 20, 1).unwrap().next().unwrap().unwrap();
            let expected = preprocess(&image, preprocessing, 20);
            assert!(input.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
        }
    }
}

#[test]
fn squares_of_all_forms_and_inputs_stay_within_the_budget_together() {
    let place = Place::with_classes(6);
    let squares = |side: u64| 18 * side * side * 3;
    let input = 4 * 24 * 24 * 3;
    // Room for both forms and two inputs.
    let budget = squares(16) + squares(20) + 2 * input + input / 2;
    let load = |side: u32, bytes: u64| {
        load(&LoadRequest::new(Some(&place.data()), side, &place.cache()).cache_bytes(bytes), &()).unwrap()
    };
    let used = || -> u64 {
        let folder = place.cache().read_dir().unwrap().next().unwrap().unwrap().path();
        let is_budgeted =
            |path: &PathBuf| path.extension().is_some_and(|ending| ending == "pixels" || ending == "inputs");
        let below = |path: PathBuf| path.read_dir().into_iter().flatten().map(|file| file.unwrap().path());
        let all = below(folder.clone()).chain(below(folder).filter(|path| path.is_dir()).flat_map(below));
        all.filter(is_budgeted).map(|path| std::fs::metadata(path).unwrap().len()).sum()
    };
    load(16, budget);
    let data = load(20, budget);
    assert!(data.training.exact_batches(&data.preprocessing, 24, 1).unwrap().all(|batch| batch.is_ok()));
    drop(data);
    assert!(used() <= budget && used() > squares(16) + squares(20), "{} of {budget}", used());
    // A smaller budget, in which no square has room: what is there goes.
    assert!(!load(20, input).is_cached);
    assert!(used() <= input, "{} of {input}", used());
}
