use super::*;
use std::time::Duration;

fn loaded(choice: TileChoice, context: &Context) -> (Supernet, Vec<f32>) {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random(31));
    let options = EngineOptions { tiles: choice, ..EngineOptions::default() };
    (load(context, &space, &weights, &options), weights)
}

#[test]
fn timed_tiles_answer_right_and_can_be_given_to_the_next_start() {
    let vendor = vendor_tiles(CONTEXT.facts().vendor_family(), CONTEXT.facts().subgroups);
    let (no_time, _) = loaded(TileChoice::Timed(Duration::ZERO), &CONTEXT);
    assert_eq!(no_time.tiles(), vendor, "without time there is nothing to find");

    let (timed, weights) = loaded(TileChoice::Timed(Duration::from_secs(3)), &CONTEXT);
    let (given, _) = loaded(TileChoice::Given(timed.tiles()), &CONTEXT);
    assert_eq!(given.tiles(), timed.tiles());
    let space = SearchSpace::fashion().validated().unwrap();
    for child in [space.smallest(), space.biggest()] {
        let child = random_statistics(&space, &child, &mut random(32));
        let tensor = random_tensor(space.lower(child.child()).unwrap().input.len(), &mut random(33));
        let expected = reference_logits(&space, &weights, &child, &tensor);
        for supernet in [&timed, &given] {
            let logits = supernet.infer_tensor(&supernet.prepare(&child).unwrap(), &tensor).unwrap();
            assert!(relative_error(&logits, &expected) < 1e-4, "{}", supernet.tiles());
        }
    }
}

#[test]
fn tiles_of_another_adapter_are_passed_over() {
    let broadcasting = vendor_tiles(Vendor::Software, true);
    let (plain, _) = loaded(TileChoice::Given(broadcasting), &PLAIN_CONTEXT);
    assert_eq!(plain.tiles(), vendor_tiles(PLAIN_CONTEXT.facts().vendor_family(), false));
}
