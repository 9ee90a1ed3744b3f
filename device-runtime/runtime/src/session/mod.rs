//! The API of an app: open a bundle, choose a child for a budget, classify, switch.
//!
//! ```text
//! Runtime::open     adapter, shared weights uploaded once, every shipped child prepared
//!   .profile        measures this device            .use_profile   takes an earlier measurement
//!   .choose         the best child for a budget     .switch_to     another child, in microseconds
//!   .choose_in_whole_space   beyond the shipped children     .calibrate   makes any child ready
//!   .classify       an image to labels and probabilities, from any thread
//!   .grow           takes the children that have arrived since, of a bundle that is being downloaded
//!   .governed       classifies, and switches to keep a budget; adopts more children while it runs
//! ```
//!
//! Everything that waits for the GPU has an `_async` form. It never sleeps, and dropping its future cancels it. The
//! blocking forms exist on native targets.

mod answer;
#[cfg(test)]
mod async_tests;
#[cfg(test)]
mod cadence_tests;
mod calibrate;
mod classify;
mod current;
#[cfg(test)]
mod fault_tests;
mod governed;
mod grow;
mod measure;
mod options;
#[cfg(not(target_arch = "wasm32"))]
mod stored_profile;
mod switch;
#[cfg(test)]
mod tests;
mod turn;
mod verify;
mod weights;
mod whole_space;

use current::Current;

pub use answer::{Answer, Guess};

pub use governed::Governed;
use grow::prepare_arrived;
pub use options::RuntimeOptions;
pub use switch::{ActiveChild, Target};
use turn::Turn;
pub use verify::{Verification, VerifyOptions};
use weights::BundleWeights;
pub use whole_space::{Adopted, WholeSpaceChoice, WholeSpaceOptions};

use crate::Error;
use crate::engine::{EngineOptions, PreparedChild, Replaced, Supernet, precision};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::{AdapterInfo, Context};
use nestling_bundle::{Bundle, DeviceProfile, NetworkId, Trained};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::image::PixelFormat;
use nestling_core::latency::{DeviceKey, LatencyTable};
use nestling_core::room;
use nestling_core::space::{CalibratedChild, Child, ChildEntry, ValidatedSpace};
use nestling_core::weights::WeightStorage;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Locks of the files that `tests/locks.rs` checks with other ones.
mod sync {
    pub(super) use std::sync::{Mutex, RwLock};
}

/// A bundle on a GPU: the shared weights once, every shipped child ready, one of them active.
///
/// `Send + Sync`: share it by reference or in an `Arc`; any thread may classify, switch or choose.
#[derive(Debug)]
pub struct Runtime {
    supernet: Supernet,
    storage_fault: Option<Error>,
    device: DeviceKey,
    network: NetworkId,
    labels: Arc<[String]>,
    trained: Trained,
    untrained_may_answer: bool,
    /// Fewest MAdds first; never empty.
    shipped: Vec<Shipped>,
    active: Current<ActiveChild>,
    /// False while a bundle that is being downloaded still lacks some.
    has_all_weights: AtomicBool,
    profile: Mutex<Option<Arc<DeviceProfile>>>,
    /// Latency tables of other devices: the first fit starts from them.
    tables: Vec<LatencyTable>,
    /// Taken while timing: two measurements at once would disturb each other.
    turn: Turn,
    /// Taken while more weights are sent.
    growth: Turn,
    image_side: u32,
    image_format: PixelFormat,
    probe_image: Vec<u8>,
}

/// A child that ships.
#[derive(Debug)]
struct Shipped {
    entry: ChildEntry,
    /// Ready to run, once its weights have arrived.
    active: OnceLock<ActiveChild>,
}

impl Shipped {
    fn active(&self) -> Result<&ActiveChild, Error> {
        self.active.get().ok_or_else(|| Error::NotArrived { child: format!("child `{}`", self.entry.name) })
    }
}

impl Runtime {
    /// Opens an adapter, uploads the shared weights, builds all pipelines and prepares every shipped child. The child
    /// with the fewest MAdds (of those that may answer) is active at first.
    ///
    /// # Errors
    /// [`Error`] if there is no adapter, the bundle is too large for it, or it fails the self-test of the storage or
    /// arithmetic that is asked for; [`Error::Untrained`] if no child was trained and
    /// [`RuntimeOptions::untrained`] is not set.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(bundle: &Bundle, options: &RuntimeOptions) -> Result<Self, Error> {
        block_on(Self::open_async(bundle, options))
    }

    /// As [`Runtime::open`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::open`].
    pub async fn open_async(bundle: &Bundle, options: &RuntimeOptions) -> Result<Self, Error> {
        let context = Context::new_async(&options.context).await?;
        Self::open_on_async(&context, bundle, options).await
    }

    /// As [`Runtime::open`], on a device that is open already; `options.context` is not read.
    ///
    /// # Errors
    /// As [`Runtime::open`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_on(context: &Context, bundle: &Bundle, options: &RuntimeOptions) -> Result<Self, Error> {
        block_on(Self::open_on_async(context, bundle, options))
    }

    /// As [`Runtime::open_on`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::open`].
    pub async fn open_on_async(context: &Context, bundle: &Bundle, options: &RuntimeOptions) -> Result<Self, Error> {
        let manifest = bundle.manifest();
        #[cfg(not(target_arch = "wasm32"))]
        check_work(bundle, options)?;
        let engine_options = engine_options(bundle, options);
        let (space, preprocessing) = (bundle.space(), &manifest.preprocessing);
        let load = async |engine_options: &EngineOptions| {
            Supernet::load_from_async(context, space, &BundleWeights(bundle), preprocessing, engine_options).await
        };
        let (supernet, storage_fault) = match load(&engine_options).await {
            // The app did not ask for the storage: f32 holds the same values as the file.
            Err(fault @ Error::SelfTest { .. })
                if options.weight_storage.is_none() && manifest.weight_storage != WeightStorage::F32 =>
            {
                let whole = EngineOptions { weight_storage: WeightStorage::F32, ..engine_options };
                (load(&whole).await?, Some(fault))
            }
            loaded => (loaded?, None),
        };
        let shipped: Vec<Shipped> =
            (bundle.children().iter()).map(|entry| Shipped { entry: entry.clone(), active: OnceLock::new() }).collect();
        prepare_arrived(&supernet, &shipped, bundle).await?;
        let may_answer = |one: &&Shipped| options.untrained || manifest.trained.covers(&one.entry.child);
        let usable = shipped.iter().filter(may_answer).filter_map(|one| Some((&one.entry, one.active.get()?)));
        let Some((_, first)) = usable.min_by_key(|(entry, _)| entry.cost.madds) else {
            return Err(Error::Untrained { child: "every child of the bundle".to_owned() });
        };
        let largest_resolution = space.resolutions.iter().copied().max().unwrap_or(1);
        let image_side = options.image_side.unwrap_or(largest_resolution).clamp(2, options.max_image_side.max(2));
        let image_format = Self::format_for(space.input_channels);
        Ok(Self {
            device: device_key(context.facts(), options.arithmetic, supernet.weight_storage()),
            network: bundle.network_id(),
            labels: manifest.labels.iter().cloned().collect(),
            trained: manifest.trained.clone(),
            untrained_may_answer: options.untrained,
            active: Current::new(first.clone()),
            has_all_weights: AtomicBool::new(bundle.has_all_weights()),
            shipped,
            supernet,
            storage_fault,
            profile: Mutex::new(None),
            tables: manifest.latency_tables.clone(),
            turn: Turn::default(),
            growth: Turn::default(),
            image_side,
            image_format,
            probe_image: probe_image(image_side, image_format)?,
        })
    }

    /// The adapter that really runs.
    pub fn adapter(&self) -> &AdapterInfo {
        self.supernet.context().facts()
    }

    /// Adapter, driver, backend, precision and features: the key of measured times.
    pub fn device(&self) -> &DeviceKey {
        &self.device
    }

    /// The search space.
    pub fn space(&self) -> &ValidatedSpace {
        self.supernet.space()
    }

    /// One name a class.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The children that ship, fewest MAdds first; also those that have not arrived.
    pub fn children(&self) -> impl ExactSizeIterator<Item = &ChildEntry> {
        self.shipped.iter().map(|one| &one.entry)
    }

    /// The engine underneath: counters, memory, layer times, raw tensors.
    pub fn supernet(&self) -> &Supernet {
        &self.supernet
    }

    /// Why the GPU holds the weights as f32 and not as the bundle does: the adapter's failure in the self-test.
    ///
    /// Only where [`RuntimeOptions::weight_storage`] asked for nothing; otherwise that failure is an error.
    pub fn storage_fault(&self) -> Option<&Error> {
        self.storage_fault.as_ref()
    }

    /// The kernels that this device gets wrong, and those that run instead; a test at load finds them. Empty almost
    /// everywhere: put it into a bug report where it is not.
    pub fn replaced(&self) -> Vec<Replaced> {
        self.supernet.replaced()
    }

    /// Makes a child ready that does not ship; give it to [`Runtime::switch_to`].
    ///
    /// Writes a few kilobytes into one of the spare slots; the slot is free again when the last clone is dropped.
    ///
    /// # Errors
    /// [`Error`] if the space does not offer the child, every spare slot is in use, or not all weights have arrived.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn prepare(&self, child: &CalibratedChild) -> Result<PreparedChild, Error> {
        block_on(self.prepare_async(child))
    }

    /// As [`Runtime::prepare`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::prepare`].
    pub async fn prepare_async(&self, child: &CalibratedChild) -> Result<PreparedChild, Error> {
        self.require_all_weights(child.child())?;
        self.supernet.prepare_async(child).await
    }

    /// Fails if a child that does not ship may read weights that have not arrived.
    fn require_all_weights(&self, child: &Child) -> Result<(), Error> {
        if self.has_all_weights.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::NotArrived { child: format!("child `{child}`") })
    }

    /// The shipped children that have arrived and may answer.
    fn usable(&self) -> impl Iterator<Item = (&ChildEntry, &ActiveChild)> {
        (self.shipped.iter().filter(|one| self.may_answer(&one.entry.child)))
            .filter_map(|one| Some((&one.entry, one.active.get()?)))
    }

    /// Whether a child may be chosen and answer: it was trained, or [`RuntimeOptions::untrained`] is set.
    pub fn may_answer(&self, child: &Child) -> bool {
        self.untrained_may_answer || self.trained.covers(child)
    }

    /// The shipped child called `name`, as the engine runs it: to be timed, whether it was trained or not.
    ///
    /// # Errors
    /// [`Error::UnknownChild`] lists the names that exist; [`Error::NotArrived`] if its weights have not arrived.
    pub fn prepared(&self, name: &str) -> Result<&PreparedChild, Error> {
        Ok(self.shipped(name)?.active()?.prepared())
    }

    fn shipped(&self, name: &str) -> Result<&Shipped, Error> {
        self.shipped.iter().find(|one| one.entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.shipped.iter().map(|one| one.entry.name.as_str()).collect();
            Error::UnknownChild { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

/// The engine's part of the options, for the children and the storage of a bundle.
#[cfg_attr(target_arch = "wasm32", inline(always))]
fn engine_options(bundle: &Bundle, options: &RuntimeOptions) -> EngineOptions {
    EngineOptions {
        child_slots: bundle.children().len().saturating_add(options.spare_children),
        max_image_side: options.max_image_side,
        answers_in_flight: options.answers_in_flight,
        weight_storage: options.weight_storage.unwrap_or(bundle.manifest().weight_storage),
        arithmetic: options.arithmetic,
        start: options.start,
        tiles: options.tiles,
    }
}

/// Refuses a bundle whose largest child takes more work than the app allows, before anything of it is on the GPU.
#[cfg(not(target_arch = "wasm32"))]
fn check_work(bundle: &Bundle, options: &RuntimeOptions) -> Result<(), Error> {
    let Some(limit) = options.max_madds else { return Ok(()) };
    let given = bundle.space().lower(&bundle.space().biggest())?.cost().madds.0;
    if given <= limit { Ok(()) } else { Err(Error::TooMuchWork { given, limit }) }
}

/// Not one grey: every pixel matters where answers are compared.
fn probe_image(side: u32, format: PixelFormat) -> Result<Vec<u8>, Error> {
    let mut pixels = Vec::new();
    let length = side as usize * side as usize * format.bytes_per_pixel();
    room::reserve(&mut pixels, length)?;
    pixels.extend((0..length).map(|index| (index * 37 % 251) as u8));
    Ok(pixels)
}

/// The key that times on an adapter belong to.
fn device_key(facts: &AdapterInfo, arithmetic: Arithmetic, storage: WeightStorage) -> DeviceKey {
    DeviceKey {
        adapter: facts.name.clone(),
        driver: facts.driver_text(),
        backend: facts.backend.clone(),
        precision: precision(arithmetic, storage),
        features: facts.features(),
    }
}
