use super::*;
use crate::data::{Augmentation, PixelStore, RandomCrop};
use std::sync::atomic::{AtomicUsize, Ordering};

const IMAGES: u32 = 50;

fn config() -> TrainConfig {
    let augmentation = Augmentation { crop: Some(RandomCrop::default()), flip: true, ..Augmentation::default() };
    TrainConfig { augmentation, ..TrainConfig::default() }
}

fn views(store: Arc<dyn PixelStore>) -> Arc<Views> {
    let data = Dataset::stored(300, 3, store, vec![0; IMAGES as usize], 1);
    Arc::new(Views::new(&config(), Arc::new(data)))
}

/// Images of noise. Counts those that were read; one of them may be missing, or end the thread.
#[derive(Debug, Default)]
struct Noise {
    read: AtomicUsize,
    missing: Option<u32>,
    panics: Option<u32>,
}

impl PixelStore for Noise {
    fn read(&self, place: u32, out: &mut Vec<u8>) -> Result<(), DataError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        assert_ne!(self.panics, Some(place), "meant by the test");
        if self.missing == Some(place) {
            return Err(DataError::Changed { name: "gone".to_owned() });
        }
        out.extend((0..300 * 300 * 3u32).map(|at| ((at ^ place << 7).wrapping_mul(2_654_435_761) >> 24) as u8));
        Ok(())
    }
}

fn order() -> Vec<u32> {
    (0..IMAGES).map(|at| at * 7 % IMAGES).collect()
}

#[test]
fn any_number_of_threads_makes_the_batches_that_one_call_makes() {
    let (views, order) = (views(Arc::new(Noise::default())), order());
    let expected: Vec<Vec<u8>> =
        order.chunks_exact(12).map(|indices| views.batch(5, indices).unwrap().pixels(0..12)).collect();
    assert_ne!(expected[0], views.batch(6, &order[..12]).unwrap().pixels(0..12), "another epoch has other views");
    for threads in [1, 2, 7] {
        let loader = Loader::with_threads(views.clone(), threads);
        let mut left = loader.batches(6, &order, 12);
        assert!(left.next().unwrap().is_ok());
        let mut batches = loader.batches(5, &order, 12);
        assert!(left.next().is_none(), "others were begun");
        drop(left);
        for (expected, indices) in expected.iter().zip(order.chunks_exact(12)) {
            let batch = batches.next().unwrap().unwrap();
            assert!(batch.indices() == indices && batch.pixels(0..12) == *expected, "{threads} threads");
            let parts = [batch.pixels(0..5), batch.pixels(5..12)].concat();
            assert!(parts == *expected, "the parts of two workers are the whole");
        }
        assert!(batches.next().is_none(), "a rest is left out");
        let rates = batches.rates();
        assert!(rates.loader_images_per_s > 0.0 && rates.step_images_per_s > 0.0, "{rates:?}");
        assert!((0.0..=1.0).contains(&rates.waiting_share), "{rates:?}");
    }
}

#[test]
fn no_more_than_some_batches_are_ahead() {
    let store = Arc::new(Noise::default());
    let loader = Loader::with_threads(views(store.clone()), 3);
    let mut batches = loader.batches(0, &order(), 4);
    for taken in 0..3 {
        let most = (taken + MAX_AHEAD) * 4;
        let started = Instant::now();
        while store.read.load(Ordering::Relaxed) < most && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(store.read.load(Ordering::Relaxed), most, "after {taken} batches");
        batches.next().unwrap().unwrap();
    }
}

#[test]
fn a_picture_that_is_gone_ends_the_epoch_with_its_name_and_a_panic_does_not_hang_it() {
    let order = order();
    let missing = Noise { missing: Some(order[9]), ..Noise::default() };
    let loader = Loader::with_threads(views(Arc::new(missing)), 2);
    let mut batches = loader.batches(0, &order, 4);
    assert!(batches.next().unwrap().is_ok() && batches.next().unwrap().is_ok());
    assert_eq!(batches.next().unwrap().unwrap_err().code(), "data_changed");
    drop(batches);
    let panics = Noise { panics: Some(order[9]), ..Noise::default() };
    let loader = Loader::with_threads(views(Arc::new(panics)), 1);
    let last = loader.batches(0, &order, 4).find(Result::is_err).unwrap();
    assert_eq!(last.unwrap_err().code(), "train_worker");
}
