use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_second_load_opens_nothing_and_a_changed_picture_alone_is_opened_again() {
    let place = Place::with_classes(6);
    assert_eq!(Count::of(&place), 18);
    let first = contents(&place.load().training);
    assert_eq!(Count::of(&place), 0);
    assert_eq!(contents(&place.load().training), first);
    // Files with another size, with another time, added, removed, renamed.
    place.write("a/0.png", &encode(pattern(30, 30, 1), ImageFormat::Png));
    assert_eq!(Count::of(&place), 1);
    let bytes = std::fs::read(place.data().join("a/1.png")).unwrap();
    place.write("a/1.png", &bytes);
    assert_eq!(Count::of(&place), 1);
    place.pictures(["b/new.png"]);
    std::fs::remove_file(place.data().join("b/0.png")).unwrap();
    assert_eq!(Count::of(&place), 1);
    std::fs::rename(place.data().join("c/0.png"), place.data().join("c/first.png")).unwrap();
    assert_eq!(Count::of(&place), 1);
    assert_eq!(place.load().scan.unwrap().pictures, 18);
}

/// The system's own number and time of a file tell what its size and time hide.
#[cfg(unix)]
#[test]
fn other_contents_of_the_same_size_and_time_are_noticed() {
    let place = Place::with_classes(6);
    let path = place.data().join("a/0.png");
    let as_png = |value: u8| encode(RgbImage::from_pixel(2, 2, image::Rgb([value, 2, 3])), ImageFormat::Png);
    place.write("a/0.png", &as_png(1));
    place.load();
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let other = as_png(9);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), other.len() as u64);
    place.write("a/0.png", &other);
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(Count::of(&place), 1);
}

#[test]
fn a_scan_leaves_the_squares_of_a_training_and_stores_none() {
    let place = Place::with_classes(6);
    let whole = contents(&place.load().training);
    let size = std::fs::metadata(place.pixel_file()).unwrap().len();
    // As the program scans: in a form of its own, and in the same one.
    for side in [32, 16] {
        let request = LoadRequest::new(Some(&place.data()), side, &place.cache());
        assert_eq!(crate::data::scan(&place.data(), &request, &()).unwrap().pictures, 18);
        assert_eq!((Count::of(&place), std::fs::metadata(place.pixel_file()).unwrap().len()), (0, size));
    }
    assert_eq!(contents(&place.load().training), whole);
}

#[test]
fn a_changed_picture_has_its_new_pixels() {
    let place = Place::with_classes(6);
    let before = place.load();
    let image = RgbImage::from_pixel(20, 20, image::Rgb([1, 2, 3]));
    place.write("a/0.png", &encode(image, ImageFormat::Png));
    let after = place.load();
    let all = |data: &LoadedData| [&data.training, data.held_out.as_ref().unwrap(), &data.test].map(contents).concat();
    assert!(all(&after).contains(&([1, 2, 3].repeat(256), 0)));
    let kept = all(&before).into_iter().filter(|one| all(&after).contains(one)).count();
    assert_eq!(kept, 17);
    let identity = |data: &LoadedData| {
        let parts = [&data.training, data.held_out.as_ref().unwrap(), &data.test];
        parts.map(|part| part.fingerprint().unwrap()).concat()
    };
    assert_ne!(identity(&before), identity(&after));
}

#[test]
fn pictures_that_are_decoded_at_every_use_have_the_same_pixels_and_identity() {
    let place = Place::with_classes(6);
    for fit in nestling_core::image::Fit::ALL {
        let cached = load(&place.request().fit(fit), &()).unwrap();
        let streamed = load(&place.request().fit(fit).cache_bytes(17 * 16 * 16 * 3), &()).unwrap();
        assert!(cached.is_cached && !streamed.is_cached);
        for (a, b) in [(&cached.training, &streamed.training), (&cached.test, &streamed.test)] {
            assert_eq!(contents(a), contents(b));
            assert_eq!(a.fingerprint().unwrap(), b.fingerprint().unwrap());
        }
        assert_eq!(cached.preprocessing, streamed.preprocessing);
    }
}

#[test]
fn a_picture_that_changes_while_it_is_used_is_named() {
    let place = Place::with_classes(6);
    let data = load(&place.request().cache_bytes(0), &()).unwrap();
    let name = &data.pictures.as_ref().unwrap().test[0];
    std::fs::write(place.data().join(name), encode(pattern(9, 9, 9), ImageFormat::Png)).unwrap();
    let error = data.test.pixels(0).unwrap_err();
    assert!(error.code() == "data_changed" && error.to_string().contains(&**name), "{error}");
    std::fs::remove_file(place.data().join(name)).unwrap();
    assert_eq!(data.test.pixels(0).unwrap_err().code(), "data_picture_read");
}

#[test]
fn a_damaged_cache_is_told_and_a_lost_one_is_made_again() {
    let place = Place::with_classes(6);
    let data = place.load();
    let whole = contents(&data.training);
    let path = place.pixel_file();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 1);
    std::fs::write(&path, &bytes).unwrap();
    let error = data.training.pixels(0).unwrap_err();
    assert!(error.code() == "data_cache_read" && error.to_string().contains("checksum"), "{error}");
    // Removed, cut, or with an index that cannot be read.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(contents(&place.load().training), whole);
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5 * 768).unwrap();
    assert_eq!(Count::of(&place), 13);
    assert_eq!(contents(&place.load().training), whole);
    for file in path.parent().unwrap().read_dir().unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "index") {
            std::fs::write(file, b"nonsense").unwrap();
        }
    }
    assert_eq!(Count::of(&place), 18);
    assert_eq!(contents(&place.load().training), whole);
}

/// `/dev/full` answers like a disk without room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let place = Place::with_classes(6);
    let whole = contents(&place.load().training);
    let path = place.pixel_file();
    let kept = path.with_extension("kept");
    // The disk is full in another form, whose file is made first.
    let other = path.to_string_lossy().replace("16x3", "20x3");
    std::os::unix::fs::symlink("/dev/full", &other).unwrap();
    let request = LoadRequest::new(Some(&place.data()), 20, &place.cache());
    let error = load(&request, &()).unwrap_err();
    assert_eq!(error.code(), "data_cache_write");
    assert!(error.to_string().contains("No space left") && error.to_string().contains("unharmed"), "{error}");
    assert_eq!((Count::of(&place), contents(&place.load().training)), (0, whole.clone()));
    // While a picture is added.
    place.pictures(["a/new.png"]);
    std::fs::rename(&path, &kept).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    assert_eq!(load(&place.request(), &()).unwrap_err().code(), "data_cache_write");
    std::fs::rename(&kept, &path).unwrap();
    assert!(place.load().training.len() >= whole.len());
    // With room again, it goes on.
    std::fs::remove_file(&other).unwrap();
    assert!(load(&request, &()).is_ok());
}

/// A disk that takes no byte more. The limit is one of a process: the test runs itself again.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_from_the_start_is_left_without_remains() {
    const FOLDER: &str = "NESTLING_TEST_FULL_DISK";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = Path::new(&folder);
        let request = LoadRequest::new(Some(&folder.join("data")), 16, &folder.join("cache")).threads(3);
        assert_eq!(load(&request, &()).unwrap_err().code(), "data_cache_write");
        return;
    }
    let place = Place::with_classes(6);
    let limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" --exact data::tests::cached::a_disk_that_is_full_from_the_start_is_left_without_remains";
    let mut child = std::process::Command::new("sh");
    child.args(["-c", limited]).arg(std::env::current_exe().unwrap()).env(FOLDER, place.folder.path());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let cache = place.cache().read_dir().unwrap().next().unwrap().unwrap().path();
    let left: Vec<_> = cache.read_dir().unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".pixels")), "{left:?}");
    assert_eq!(place.load().training.len(), 12);
}

#[test]
fn two_builders_of_one_cache_take_turns() {
    let place = Place::with_classes(20);
    let waited = AtomicBool::new(false);
    struct Slow<'a>(&'a AtomicBool);
    impl LoadProgress for Slow<'_> {
        fn opened(&self, _: usize, _: usize) {
            std::thread::sleep(std::time::Duration::from_millis(60));
        }
        fn note(&self, text: &str) {
            self.0.fetch_or(text.contains("building a cache"), Ordering::Relaxed);
        }
    }
    let loaded: Vec<LoadedData> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..2).map(|_| scope.spawn(|| load(&place.request().threads(2), &Slow(&waited)).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(contents(&loaded[0].training), contents(&loaded[1].training));
    assert!(waited.load(Ordering::Relaxed), "the second one says that it waits");
    assert_eq!(std::fs::metadata(place.pixel_file()).unwrap().len(), 60 * 768, "each square once");
}

#[test]
fn squares_of_no_more_use_are_dropped_when_they_are_the_most() {
    let place = Place::with_classes(2);
    let small = |number: u32| {
        encode(RgbImage::from_pixel(2, 2, image::Rgb([number as u8, (number >> 8) as u8, 0])), ImageFormat::Png)
    };
    for number in 0..1200 {
        place.write(&format!("a/s{number}.png"), &small(number));
    }
    place.load();
    let old = place.pixel_file();
    (0..1200).for_each(|number| std::fs::remove_file(place.data().join(format!("a/s{number}.png"))).unwrap());
    let before = contents(&place.load().training);
    let new = place.pixel_file();
    assert!(old != new && !old.exists() && std::fs::metadata(&new).unwrap().len() == 6 * 768);
    assert_eq!((Count::of(&place), contents(&place.load().training)), (0, before));
}

#[test]
fn other_forms_and_inputs_go_when_the_budget_is_spent_oldest_first() {
    let place = Place::with_classes(6);
    let bytes = |side: u64| 18 * side * side * 3;
    let load = |side: u32, bytes: u64| {
        let request = LoadRequest::new(Some(&place.data()), side, &place.cache()).cache_bytes(bytes);
        let data = super::super::load(&request, &()).unwrap();
        assert!(data.is_cached);
        data
    };
    let names = || -> Vec<String> {
        let folder = place.cache().read_dir().unwrap().next().unwrap().unwrap().path();
        let names = folder.read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.ends_with(".index")).collect();
        names.sort();
        names
    };
    let kept = contents(&load(16, 1 << 30).training);
    let data = load(24, 1 << 30);
    assert!(data.test.exact_batches(&data.preprocessing, 16, 4).unwrap().all(|batch| batch.is_ok()));
    drop(data);
    assert_eq!(names().iter().filter(|name| name.ends_with(".pixels")).count(), 2);
    assert!(names().iter().any(|name| name.starts_with("exact-")));
    // The first is used again; then there is room for it and a bit.
    let used_again = load(16, 1 << 30);
    load(20, bytes(20) + bytes(16) + (40 << 10));
    let pixels = || -> Vec<String> { names().into_iter().filter(|name| name.ends_with(".pixels")).collect() };
    let left = pixels();
    assert!(left.len() == 2 && left[0].contains("16x3") && left[1].contains("20x3"), "{left:?}");
    load(20, bytes(20));
    assert!(pixels().len() == 1 && pixels()[0].contains("20x3"), "{:?}", pixels());
    // A reader of the squares goes on.
    assert_eq!(contents(&used_again.training), kept);
}
