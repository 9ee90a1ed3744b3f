use super::*;
use crate::data::Part;

#[test]
fn a_folder_of_classes_becomes_three_parts_with_pixels_labels_and_names() {
    let data = Place::with_classes(20).load();
    let held_out = data.held_out.as_ref().unwrap();
    assert_eq!(data.labels.as_deref(), Some(&["a", "b", "c"].map(str::to_owned)[..]));
    assert_eq!(data.training.len() + held_out.len() + data.test.len(), 60);
    assert!(held_out.len() > 2 && data.test.len() > 2);
    let pictures = data.pictures.unwrap();
    for (names, part) in [(&pictures.held_out, held_out), (&pictures.test, &data.test)] {
        let classes: Vec<u16> = names.iter().map(|name| u16::from(name.as_bytes()[0] - b'a')).collect();
        assert_eq!(classes, part.labels);
    }
    assert_eq!((data.training.side, data.training.channels, data.training.classes), (16, 3, 3));
    // Any number of first images is a sample of all classes.
    let (first, _) = data.training.split_at(12);
    assert!((0..3).all(|class| first.labels.contains(&class)), "{:?}", first.labels);
}

#[test]
fn the_normalisation_is_that_of_the_training_pixels_without_edges() {
    let place = Place::new();
    for number in 0..20 {
        let grey = |value: u8| RgbImage::from_pixel(40, 20, image::Rgb([value, 100 + number, 50]));
        place.write(&format!("a/{number}.png"), &encode(grey(0), ImageFormat::Png));
        place.write(&format!("b/{number}.png"), &encode(grey(255), ImageFormat::Png));
    }
    let data = load(&place.request().fit(nestling_core::image::Fit::Pad), &()).unwrap();
    let share = data.training.labels.iter().map(|&label| f32::from(label)).sum::<f32>() / data.training.len() as f32;
    assert!((data.preprocessing.means[0] - share).abs() < 1e-3, "{:?}", data.preprocessing);
    assert!(
        (data.preprocessing.means[2] - 50.0 / 255.0).abs() < 1e-3 && data.preprocessing.standard_deviations[2] < 2e-3
    );
    // The edges have the colour of the means: they are about 0 after normalisation.
    let edge = &data.training.pixels(0).unwrap()[..3];
    for (value, mean) in edge.iter().zip(&data.preprocessing.means) {
        assert!((f32::from(*value) / 255.0 - mean).abs() <= 0.5 / 255.0 + 1e-3);
    }
}

#[test]
fn a_part_that_lacks_a_class_shifts_nothing() {
    let names = |part: &'static str, classes: &'static [&'static str]| {
        classes.iter().flat_map(move |class| (0..4).map(move |number| format!("{part}/{class}/{number}.png")))
    };
    let place = Place::new();
    place.pictures(names("train", &["1", "2", "10"])).pictures(names("val", &["1", "2", "10"]));
    let whole = place.load();
    assert_eq!(whole.labels.as_deref(), Some(&["1", "2", "10"].map(str::to_owned)[..]));
    std::fs::remove_dir_all(place.data().join("val/2")).unwrap();
    let lacking = place.load();
    assert_eq!(lacking.labels, whole.labels);
    let rest: Vec<_> =
        contents(whole.held_out.as_ref().unwrap()).into_iter().filter(|(_, label)| *label != 1).collect();
    assert_eq!(contents(lacking.held_out.as_ref().unwrap()), rest);
    // A class that nothing was trained on is an error with its name.
    place.pictures(names("val", &["11"]));
    let error = load(&place.request(), &()).unwrap_err();
    assert!(error.code() == "data_unknown_classes" && error.to_string().contains(": 11;"), "{error}");
}

#[test]
fn a_missing_test_part_is_taken_from_training_and_said() {
    /// Keeps the sentences.
    #[derive(Default)]
    struct Notes(std::sync::Mutex<Vec<String>>);
    impl crate::data::LoadProgress for Notes {
        fn note(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
    let place = Place::new();
    for (part, count) in [("train", 20), ("val", 4)] {
        place.pictures((0..count).flat_map(|number| ["a", "b"].map(|class| format!("{part}/{class}/{number}.png"))));
    }
    let notes = Notes::default();
    let report = load(&place.request(), &notes).unwrap().scan.unwrap();
    let expected = "the data set has no test part: 6 of its 40 training pictures become one";
    assert_eq!(report.notes, [expected]);
    assert!(notes.0.into_inner().unwrap().contains(&expected.to_owned()));
    // Where nothing is given, nothing is missing.
    assert!(Place::with_classes(6).load().scan.unwrap().notes.is_empty());
}

#[test]
fn one_class_and_a_class_without_a_usable_picture_are_told() {
    let place = Place::new();
    place.pictures(["only/1.png", "only/2.png"]);
    assert_eq!(load(&place.request(), &()).unwrap_err().code(), "data_classes");
    place.write("broken/1.png", b"");
    let error = load(&place.request(), &()).unwrap_err();
    assert!(error.code() == "data_empty_classes" && error.to_string().contains("broken"), "{error}");
}

#[test]
fn copies_stay_in_one_part_and_named_groups_too() {
    let place = Place::new();
    let mut list = String::from("path,label,group\n");
    for number in 0..60 {
        // As smooth as photographs are.
        let image = image::imageops::resize(&pattern(4, 4, number), 96, 72, image::imageops::FilterType::Triangle);
        let class = number % 2;
        place.write(&format!("{number}.png"), &encode(image.clone(), ImageFormat::Png));
        list += &format!("{number}.png,{class},person {}\n", number % 20);
        // Saved again, and smaller.
        let smaller = image::imageops::thumbnail(&image, 64, 48);
        place.write(&format!("{number}.jpg"), &encode(smaller, ImageFormat::Jpeg));
        list += &format!("{number}.jpg,{class},\n");
    }
    std::fs::write(place.data().join("list.csv"), list).unwrap();
    let request = LoadRequest::new(Some(&place.data().join("list.csv")), 16, &place.cache());
    let report = super::super::scan(&place.data().join("list.csv"), &request, &()).unwrap();
    assert_eq!((report.pictures, report.counts["near-duplicate, but used"]), (120, 60), "{:?}", report.counts);
    let mut parts: std::collections::BTreeMap<u32, Vec<Part>> = std::collections::BTreeMap::new();
    for picture in &report.used {
        let number: u32 = picture.path.split('.').next().unwrap().parse().unwrap();
        parts.entry(number % 20).or_default().push(picture.part);
    }
    for (person, parts) in parts {
        assert!(parts.len() == 6 && parts.iter().all(|part| *part == parts[0]), "person {person}: {parts:?}");
    }
}

#[test]
fn pictures_without_colour_are_grey_unless_colour_is_asked_for() {
    let place = Place::new();
    for number in 0..12 {
        let image = DynamicImage::from(pattern(20, 20, number)).to_luma8();
        place.write(&format!("{}/{number}.png", number % 2), &encode(image, ImageFormat::Png));
    }
    let (grey, colour) = (place.load(), load(&place.request().channels(Some(3)), &()).unwrap());
    assert_eq!((grey.training.channels, colour.training.channels), (1, 3));
    let asked = load(&place.request().channels(Some(1)), &()).unwrap();
    assert_eq!(asked.training.fingerprint().unwrap(), grey.training.fingerprint().unwrap());
    assert_eq!(contents(&asked.training), contents(&grey.training));
    let threefold: Vec<u8> = grey.training.pixels(0).unwrap().into_iter().flat_map(|value| [value; 3]).collect();
    assert_eq!(colour.training.pixels(0).unwrap(), threefold);
    // One with colour: all have three channels, or luma if that is asked for.
    place.pictures(["0/colour.png"]);
    assert_eq!(place.load().training.channels, 3);
    assert_eq!(load(&place.request().channels(Some(1)), &()).unwrap().training.channels, 1);
}
