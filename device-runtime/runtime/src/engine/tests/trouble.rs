use super::*;
use crate::Error;
use crate::gpu::{Backends, block_on, chosen_adapter};
use nestling_core::image::Image;

fn fashion() -> (ValidatedSpace, Vec<f32>, CalibratedChild) {
    let mut random = random(9);
    let space = SearchSpace::fashion().validated().unwrap();
    let weights = random_weights(&space, &mut random);
    let child = random_statistics(&space, &space.smallest(), &mut random);
    (space, weights, child)
}

#[test]
fn no_adapter_says_what_was_tried_and_what_to_install() {
    let options = ContextOptions { adapter_name: Some("Voodoo 2".into()), ..ContextOptions::default() };
    let error = Context::new(&options).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::NoAdapter { .. }));
    assert!(text.contains("voodoo 2") && text.contains("vulkan") && text.contains("found 0: "), "{text}");
    assert!(text.contains("Choose one of those"), "{text}");
    let options = ContextOptions { backends: Backends::empty(), ..ContextOptions::default() };
    let text = Context::new(&options).unwrap_err().to_string();
    assert!(text.contains("tried none: no backend was asked for") && text.contains("Ask for one of the"), "{text}");
    // No system has both.
    let (elsewhere, name) = if cfg!(windows) { (Backends::METAL, "metal") } else { (Backends::DX12, "dx12") };
    let text = Context::new(&ContextOptions::default().backends(elsewhere)).unwrap_err().to_string();
    let here = format!("none: no {name}, this build for {} has ", std::env::consts::OS);
    assert!(text.contains(&here) && text.contains("vulkan") && !text.contains("Install"), "{text}");
}

#[test]
fn an_adapter_is_opened_by_its_index_and_nonsense_is_refused() {
    let all = crate::gpu::list_adapters(&ContextOptions::default());
    for (index, listed) in all.iter().enumerate() {
        let context = Context::new(&ContextOptions::default().adapter_name(Some(index.to_string()))).unwrap();
        assert_eq!((listed.index, context.facts()), (Some(index), listed));
    }
    let chosen = |name: &str| chosen_adapter(&ContextOptions::default().adapter_name(Some(name.to_owned())));
    assert_eq!(chosen("0").unwrap(), all[0]);
    for nonsense in ["", " ", &all.len().to_string(), "no such adapter"] {
        assert_eq!(chosen(nonsense).unwrap_err().code(), "no_adapter");
        let error = Context::new(&ContextOptions::default().adapter_name(Some(nonsense.to_owned()))).unwrap_err();
        assert!(matches!(error, Error::NoAdapter { .. }), "{nonsense:?}: {error}");
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (space, weights, child) = fashion();
    let options = EngineOptions { child_slots: 1, max_image_side: 64, ..EngineOptions::default() };
    let good = preprocessing(&space);
    let error = Supernet::load(&CONTEXT, &space, &weights[1..], &good, &options).unwrap_err();
    assert!(matches!(error, Error::Weights { .. }), "{error}");
    let bad =
        Preprocessing { means: vec![0.0; 3], standard_deviations: vec![1.0; 3], centre_fraction: 1.0, fit: Fit::Crop };
    let error = Supernet::load(&CONTEXT, &space, &weights, &bad, &options).unwrap_err();
    assert!(matches!(error, Error::Preprocessing { channels: 1 }), "{error}");

    let supernet = load(&CONTEXT, &space, &weights, &options);
    let prepared = supernet.prepare(&child).unwrap();
    assert!(matches!(supernet.prepare(&child).unwrap_err(), Error::SlotsInUse { slots: 1 }));
    let error = supernet.infer_tensor(&prepared, &[0.0; 3]).unwrap_err();
    assert!(error.to_string().contains("reads 400 values (1x20x20"), "{error}");
    let error = supernet.infer(&prepared, Image::grey8(65, 70, &[0; 65 * 70]).unwrap()).unwrap_err();
    assert!(matches!(error, Error::ImageTooLarge { side: 65, max: 64 }), "{error}");
    let other = load(&CONTEXT, &space, &weights, &options);
    let error = other.infer_tensor(&prepared, &[0.0; 400]).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    let elsewhere = SearchSpace { resolutions: vec![36], ..SearchSpace::fashion() }.validated().unwrap();
    let stranger = random_statistics(&elsewhere, &elsewhere.smallest(), &mut random(1));
    drop(prepared);
    assert!(matches!(supernet.prepare(&stranger).unwrap_err(), Error::Space(_)));
    assert!(supernet.prepare(&child).is_ok(), "the slot is free again");
}

#[test]
fn a_buffer_beyond_the_adapter_is_refused_before_it_is_made() {
    let (space, weights, _) = fashion();
    let options = EngineOptions { max_image_side: 16_000, ..EngineOptions::default() };
    let error = Supernet::load(&CONTEXT, &space, &weights, &preprocessing(&space), &options).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { place, .. } if place.contains("image")), "{error}");
    assert!(error.to_string().contains("smaller `RuntimeOptions::max_image_side`"), "{error}");
}

#[test]
fn counts_that_would_take_all_memory_are_refused() {
    let (space, weights, _) = fashion();
    let many = EngineOptions { answers_in_flight: usize::MAX, ..EngineOptions::default() };
    let slots = EngineOptions { child_slots: usize::MAX, ..EngineOptions::default() };
    for (options, quantity) in [(many, "answers in flight = "), (slots, "children = ")] {
        let error = Supernet::load(&CONTEXT, &space, &weights, &preprocessing(&space), &options).unwrap_err();
        assert!(error.code() == "too_large" && error.to_string().contains(quantity), "{error}");
    }
    let most = EngineOptions { answers_in_flight: 4096, ..EngineOptions::default() };
    load(&CONTEXT, &space, &weights, &most);
}

#[test]
fn a_lost_device_is_an_error_everywhere() {
    let (space, weights, child) = fashion();
    let context = Context::new(&ContextOptions::default()).unwrap();
    let supernet = load(&context, &space, &weights, &EngineOptions::default());
    let prepared = supernet.prepare(&child).unwrap();
    context.destroy();
    let lost = |error: Error| matches!(error, Error::Lost { .. });
    assert!(lost(supernet.infer_tensor(&prepared, &[0.0; 400]).unwrap_err()));
    assert!(lost(supernet.prepare(&child).unwrap_err()));
    assert!(lost(supernet.time_layers(&prepared, 1).unwrap_err()));
    let options = EngineOptions::default();
    assert!(lost(Supernet::load(&context, &space, &weights, &preprocessing(&space), &options).unwrap_err()));
}

/// wgpu's callback of finished work belongs to the last submission of all threads: nobody may poll for that one.
#[test]
fn a_wait_ends_though_another_thread_submitted_since_and_polls_no_more() {
    const BYTES: u64 = 64 << 20;
    let usages = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let (from, to) = (CONTEXT.buffer("from", BYTES, usages), CONTEXT.buffer("to", BYTES, usages));
    let copies = |count: u32| {
        let mut encoder = CONTEXT.encoder();
        (0..count).for_each(|_| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, BYTES));
        CONTEXT.submit(encoder)
    };
    for is_future in [false, true] {
        let (first, _longer) = (copies(1), copies(8));
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let settled = CONTEXT.settle("the test", first);
            let outcome = if is_future { pollster::block_on(settled) } else { block_on(settled) };
            sender.send(outcome.is_ok())
        });
        assert_eq!(receiver.recv_timeout(std::time::Duration::from_secs(60)), Ok(true), "future: {is_future}");
    }
}
