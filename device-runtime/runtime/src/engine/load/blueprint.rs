use crate::Error;
use crate::engine::plan::{EngineOptions, Planner, Sizes, Strides, TO_MEASURE, TileChoice, Traits, norm_elements};
use crate::engine::resources::weight_bytes;
use crate::gpu::Context;
use nestling_core::image::Preprocessing;
use nestling_core::space::{Network, ValidatedSpace};
use nestling_shaders::PARAMETER_BYTES;

/// A supernet on paper: every choice and every size, before anything is made.
pub(super) struct Blueprint {
    pub(super) planner: Planner,
    pub(super) strides: Strides,
    pub(super) sizes: Sizes,
    /// Slots of children that an app prepares.
    pub(super) app_slots: usize,
    /// The options as asked, within their bounds, with all slots and the tiles that were chosen.
    pub(super) options: EngineOptions,
}

impl Blueprint {
    /// Fails if a layer of the biggest child is too large for every adapter.
    pub(super) fn new(
        context: &Context,
        space: &ValidatedSpace,
        biggest: &Network,
        preprocessing: &Preprocessing,
        options: &EngineOptions,
        traits: Traits,
    ) -> Result<Self, Error> {
        let traits = Traits { arithmetic: options.arithmetic, ..traits };
        let planner = Planner::new(space, traits);
        for layer in &biggest.layers {
            // Every other child's loops and grids are smaller.
            planner.plan(&layer.shape)?;
            planner.plan_fallback(&layer.shape)?;
        }

        check_count("the buffer of answers on their way", "answers in flight", options.answers_in_flight)?;
        check_count("the memory of prepared children", "children", options.child_slots)?;
        let strides = strides(context, biggest);
        let app_slots = options.child_slots.max(1);
        let options = EngineOptions {
            child_slots: app_slots + TO_MEASURE,
            max_image_side: options.max_image_side.max(2), // as `Image` demands
            answers_in_flight: options.answers_in_flight.max(1),
            tiles: TileChoice::Given(traits.tiles),
            ..*options
        };
        let slots = options.child_slots as u64;
        let sizes = Sizes {
            weights: weight_bytes(space.layout(), options.weight_storage),
            norms: slots * strides.norms * 16,
            // The first place belongs to the resize, and the last stays zero.
            parameters: (2 + slots * strides.layers) * strides.layer,
            ..Sizes::of_activations(biggest, preprocessing.most_pixels(options.max_image_side))
        };
        Ok(Self { planner, strides, sizes, app_slots, options })
    }
}

/// The most answers in flight and the most children: more than any app needs, and few enough that no product of sizes is
/// beyond 64 bits.
const MOST: usize = 4096;

/// Refuses a count that would take memory until the process is ended.
fn check_count(place: &str, quantity: &'static str, value: usize) -> Result<(), Error> {
    if value <= MOST {
        return Ok(());
    }
    let (place, value, limit) = (place.to_owned(), value as u64, MOST as u64);
    Err(Error::TooLarge { place, quantity, value, limit, remedy: "ask for fewer" })
}

/// The distances that hold the parameters, scales and shifts of any child.
fn strides(context: &Context, biggest: &Network) -> Strides {
    Strides {
        layer: PARAMETER_BYTES.next_multiple_of(u64::from(context.limits().min_uniform_buffer_offset_alignment)),
        layers: biggest.layers.len() as u64,
        norms: biggest.layers.iter().map(norm_elements).sum(),
    }
}
