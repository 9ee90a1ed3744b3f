//! The options that all commands share, and the opened bundle and device.

use crate::output::say;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use nestling::TileChoice;
use nestling::wgpu::Backends;
use nestling::{Context, ContextOptions};
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::{Bundle, DeviceProfile};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::weights::WeightStorage;
use nestling_stopwatch::{Elapsed, Stopwatch};
use std::path::{Path, PathBuf};

/// Which GPU, and for which images.
#[derive(Args)]
#[command(next_help_heading = "Device")]
pub struct Options {
    /// The adapter: its index, its PCI bus id, or a part of its name in any case; `nestling-device info` lists them.
    /// With --backend the index counts the adapters of that backend.
    #[arg(long, global = true, value_name = "NAME")]
    adapter: Option<String>,
    /// The only backend to try.
    #[arg(long, global = true)]
    backend: Option<Backend>,
    /// Side in pixels of the images that times are measured with; the space's largest resolution if not given.
    #[arg(long, global = true, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(2..=8192))]
    image_side: Option<u32>,
    /// Allow children whose weights were never trained: their times are true, their answers are noise.
    #[arg(long, global = true)]
    untrained: bool,
    /// How the GPU stores the shared weights: f32, f16 or int8; as the bundle does if not given.
    #[arg(long, global = true, value_name = "STORAGE")]
    weight_storage: Option<WeightStorage>,
    /// Number type of products: f32 or f16. f16 needs an adapter that offers it and passes a self-test.
    #[arg(long, global = true, value_name = "ARITHMETIC", default_value_t)]
    arithmetic: Arithmetic,
    /// Keep compiled pipelines in this folder, made if missing: the next start need not compile them (Vulkan
    /// only).
    #[arg(long, global = true, value_name = "DIR")]
    pipeline_cache: Option<PathBuf>,
    /// Do not use this feature of the adapter: shows its effect, and the speed of a device without it.
    #[arg(long, global = true, value_name = "FEATURE", value_delimiter = ',')]
    without: Vec<Feature>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Feature {
    Subgroups,
    Timestamps,
    PipelineCache,
    F16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    Vulkan,
    Gl,
    Metal,
    Dx12,
}

/// A bundle on a device, and the times of opening.
pub struct Opened {
    pub bundle: Bundle,
    pub runtime: Runtime,
    /// Reading and verifying the file.
    pub open: Elapsed,
    /// Time from opening the adapter to all children ready.
    pub load: Elapsed,
}

impl Options {
    pub fn context(&self) -> ContextOptions {
        let backends = match self.backend {
            None => Backends::all(),
            Some(Backend::Vulkan) => Backends::VULKAN,
            Some(Backend::Gl) => Backends::GL,
            Some(Backend::Metal) => Backends::METAL,
            Some(Backend::Dx12) => Backends::DX12,
        };
        ContextOptions::default()
            .backends(backends)
            .adapter_name(self.adapter.clone())
            .use_subgroups(!self.without.contains(&Feature::Subgroups))
            .use_f16(!self.without.contains(&Feature::F16))
            .use_timestamps(!self.without.contains(&Feature::Timestamps))
            .pipeline_cache(self.cache_folder().map(Path::to_owned))
    }

    /// The flags that give another process of this program the same device; without those of the pipeline cache.
    pub fn flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            flags.extend(value.map(|value| format!("--{name}={value}")));
        };
        let name_of = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
        add("adapter", self.adapter.clone());
        add("backend", name_of(self.backend.and_then(|backend| backend.to_possible_value())));
        add("image-side", self.image_side.map(|side| side.to_string()));
        add("weight-storage", self.weight_storage.map(|storage| storage.to_string()));
        add("arithmetic", Some(self.arithmetic.to_string()));
        for feature in &self.without {
            add("without", name_of(feature.to_possible_value()));
        }
        flags.extend(self.untrained.then(|| "--untrained".to_owned()));
        flags
    }

    /// The flags that name an adapter of `info` by its index: it counts those of one backend only, if one is given.
    pub fn flags_for_index(&self) -> String {
        let backend = self.backend.and_then(|backend| backend.to_possible_value());
        let backend = backend.map_or_else(String::new, |value| format!("--backend {} ", value.get_name()));
        format!("{backend}--adapter INDEX")
    }

    /// The folder of compiled pipelines, if one was given.
    pub fn cache_folder(&self) -> Option<&Path> {
        self.pipeline_cache.as_deref().filter(|_| !self.without.contains(&Feature::PipelineCache))
    }

    /// The storage that was given.
    pub fn weight_storage(&self) -> Option<WeightStorage> {
        self.weight_storage
    }

    /// The number type of products that was given.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    pub fn open_bundle(path: &Path) -> Result<Bundle> {
        Bundle::open(path).with_context(|| format!("cannot use bundle {}", path.display()))
    }

    /// For commands that time children and print no answer: they take untrained children too.
    pub fn open_to_time(&self, path: &Path) -> Result<Opened> {
        self.open_with(path, RuntimeOptions::default().untrained(true), None)
    }

    /// For a profile: of the children that can be chosen, or of all if none was trained.
    pub fn open_to_profile(&self, path: &Path, tiles: TileChoice, profile: Option<&DeviceProfile>) -> Result<Opened> {
        self.open_as(path, profile, |bundle| {
            let trained = bundle.children().iter().any(|entry| bundle.manifest().trained.covers(&entry.child));
            RuntimeOptions::default().untrained(!trained).tiles(tiles)
        })
    }

    /// With the tiles of a profile if it is of this adapter; its staleness is checked later.
    pub fn open_with(&self, path: &Path, options: RuntimeOptions, profile: Option<&DeviceProfile>) -> Result<Opened> {
        self.open_as(path, profile, |_| options)
    }

    /// With options that depend on the bundle.
    pub fn open_as(
        &self,
        path: &Path,
        profile: Option<&DeviceProfile>,
        options: impl FnOnce(&Bundle) -> RuntimeOptions,
    ) -> Result<Opened> {
        let stopwatch = Stopwatch::start();
        let bundle = Self::open_bundle(path)?;
        let (open, stopwatch) = (stopwatch.elapsed(), Stopwatch::start());
        let options = options(&bundle);
        let untrained = self.untrained || options.untrained;
        let max_image_side = options.max_image_side.max(self.image_side.unwrap_or(0));
        let options = options
            .context(self.context())
            .image_side(self.image_side)
            .max_image_side(max_image_side)
            .untrained(untrained)
            .weight_storage(self.weight_storage)
            .arithmetic(self.arithmetic);
        let context = Context::new(&options.context)?;
        let tiles = profile.map_or(options.tiles, |profile| TileChoice::of_profile(profile, context.facts()));
        let runtime = Runtime::open_on(&context, &bundle, &options.tiles(tiles))?;
        let cache = runtime.supernet().context().pipeline_cache();
        if self.cache_folder().is_some() && cache.is_trouble() {
            say(&format!("pipeline cache: {cache}"));
        }
        if let Some(fault) = runtime.storage_fault() {
            say(&format!(
                "note: the weights are f32 on the GPU, not {} as in the bundle: {fault}",
                bundle.weight_storage()
            ));
        }
        Ok(Opened { bundle, runtime, open, load: stopwatch.elapsed() })
    }
}
