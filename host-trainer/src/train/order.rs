use super::{Balance, TrainConfig};
use crate::data::Dataset;
use crate::random::{Purpose, generator};
use crate::ranks::Ranks;
use rand::Rng;
use rand::seq::SliceRandom;

/// The images of an epoch in the order in which they are seen.
pub(super) fn order_of(config: &TrainConfig, data: &Dataset, epoch: u64) -> Vec<u32> {
    let mut random = generator(config.seed, Purpose::Order, epoch);
    if config.balance == Balance::Sampling {
        return balanced_order(data, &mut random);
    }
    let mut order: Vec<u32> = (0..data.len() as u32).collect();
    order.shuffle(&mut random);
    order
}

/// The images of one rank, batch after batch: its part of each batch of all ranks. A rest is left out.
pub(super) fn part_of_rank(order: &[u32], batch_size: u32, ranks: &Ranks) -> Vec<u32> {
    let each = (batch_size / ranks.count()).max(1) as usize;
    let first = each * ranks.rank() as usize;
    let batches = order.chunks_exact(batch_size.max(1) as usize);
    batches.flat_map(|batch| &batch[first..first + each]).copied().collect()
}

/// As many images as there are, of every class as many: images of small classes come several times.
fn balanced_order(data: &Dataset, random: &mut impl Rng) -> Vec<u32> {
    let mut classes: Vec<Vec<u32>> = vec![Vec::new(); data.classes as usize];
    data.labels.iter().zip(0..).for_each(|(&label, index)| classes[usize::from(label)].push(index));
    classes.retain(|images| !images.is_empty());
    let each = data.len().div_ceil(classes.len().max(1));
    let mut order = Vec::with_capacity(each * classes.len());
    for images in &mut classes {
        for done in (0..each).step_by(images.len()) {
            images.shuffle(random);
            order.extend(images.iter().take(each - done));
        }
    }
    order.shuffle(random);
    order.truncate(data.len());
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_comes_as_often_and_every_image_of_a_small_class_too() {
        let labels = [vec![0u16; 90], vec![1; 7], vec![3; 3]].concat();
        let data = Dataset::in_memory(1, 1, vec![0; 100], labels, 4).unwrap();
        let config = TrainConfig { balance: Balance::Sampling, ..TrainConfig::default() };
        let order = order_of(&config, &data, 3);
        assert_eq!((order.len(), order == order_of(&config, &data, 3)), (100, true));
        let count = |range: std::ops::Range<u32>| order.iter().filter(|index| range.contains(index)).count();
        for range in [0..90, 90..97, 97..100] {
            let found = count(range.clone());
            assert!((32..=34).contains(&found), "{range:?}: {found}");
        }
        assert!((97..100).all(|image| count(image..image + 1) >= 10));
        let natural = order_of(&TrainConfig::default(), &data, 3);
        assert_eq!(natural.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
    }
}
