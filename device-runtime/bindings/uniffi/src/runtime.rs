//! The object `Runtime`: opening, facts and switching.

use crate::cancellation::Cancellation;
use crate::error::NestlingError;
use crate::guard::guard;
use crate::options::Options;
use crate::records::{Adapter, BundleFacts, Child, Memory, ProfileFacts};
use crate::session::Session;
use crate::work::Watch;
use nestling::{Bundle, ContextOptions, PictureOptions};
use std::sync::Arc;

/// A bundle on a GPU: the shared weights once, every child ready, one of them active, and perhaps a governor in charge.
///
/// Any thread may call any method at any time; one call at a time may measure or choose, and a second one fails with
/// `Busy`. Kotlin's `close` and Swift's last reference free the GPU, after the calls that have begun.
#[derive(uniffi::Object)]
pub struct Runtime {
    pub(crate) session: Arc<Session>,
    /// How picture files are decoded: as the bundle's fit reads them, and no larger than the runtime takes.
    pub(crate) pictures: PictureOptions,
}

impl Runtime {
    async fn open_bundle(
        bundle: impl FnOnce() -> Result<Bundle, nestling::BundleError> + Send + 'static,
        options: Option<Options>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Self>, NestlingError> {
        let options = options.unwrap_or_default().read();
        let watch = Watch::new(None, cancellation);
        let opened = watch.run(async move |_| {
            let bundle = bundle().map_err(nestling::Error::from)?;
            let pictures = picture_options(&bundle, options.max_image_side);
            let session = Arc::new(Session::new(nestling::Runtime::open_async(&bundle, &options).await?));
            Ok(Arc::new(Self { session, pictures }))
        });
        opened.await
    }
}

/// Picture files are halved until the runtime takes them, but not below what the largest child reads.
fn picture_options(bundle: &Bundle, max_image_side: u32) -> PictureOptions {
    let largest = bundle.space().resolutions.iter().max().copied().unwrap_or(0);
    let fit = bundle.manifest().preprocessing.fit;
    PictureOptions::for_fit(fit).max_square(max_image_side.max(2 * largest))
}

#[uniffi::export]
impl Runtime {
    /// Opens a bundle's file, a GPU and a runtime on it: verifies the file, uploads its weights once and makes every
    /// child ready, in up to a second. The file is not needed afterwards.
    #[uniffi::constructor(default(options = None, cancellation = None))]
    pub async fn open(
        path: String,
        options: Option<Options>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Self>, NestlingError> {
        Self::open_bundle(move || Bundle::open(path), options, cancellation).await
    }

    /// As `open`, from the bytes of a bundle, as an asset or a network gives them.
    #[uniffi::constructor(default(options = None, cancellation = None))]
    pub async fn open_bytes(
        bundle: Vec<u8>,
        options: Option<Options>,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Arc<Self>, NestlingError> {
        Self::open_bundle(move || Bundle::from_bytes(&bundle), options, cancellation).await
    }

    /// The adapter that really runs.
    pub fn adapter(&self) -> Adapter {
        self.session.runtime.adapter().into()
    }

    /// Kernels that this device gets wrong, each with the one that runs in its place: empty almost everywhere. Put it
    /// into a bug report where it is not.
    pub fn replaced(&self) -> Vec<String> {
        self.session.runtime.replaced().iter().map(ToString::to_string).collect()
    }

    /// One name a class.
    pub fn labels(&self) -> Vec<String> {
        self.session.runtime.labels().to_vec()
    }

    /// The children, fewest multiply-adds first, with the times of the profile.
    pub fn children(&self) -> Result<Vec<Child>, NestlingError> {
        guard(|| Ok(Child::of_runtime(&self.session.runtime)))
    }

    /// Name of the child that answers; absent if it does not ship.
    pub fn active(&self) -> Option<String> {
        self.session.runtime.active().name().map(str::to_owned)
    }

    /// Bytes that the runtime holds.
    pub fn memory(&self) -> Memory {
        Memory::of(&self.session.runtime)
    }

    /// The profile in use; absent if this device was not measured yet.
    pub fn profile_facts(&self) -> Option<ProfileFacts> {
        self.session.runtime.current_profile().map(|profile| (&*profile).into())
    }

    /// Makes a child the active one, and ends a governor's charge; returns the microseconds that it took. Nothing is
    /// copied or compiled. Classifications that have begun end with the old child.
    pub fn switch_to(&self, child: String) -> Result<f64, NestlingError> {
        guard(|| Ok(self.session.switch_to(&child)?.as_secs_f64() * 1e6))
    }
}

/// All GPU adapters of this device.
#[uniffi::export]
pub async fn list_adapters() -> Result<Vec<Adapter>, NestlingError> {
    let listed = Watch::default().run(async |_| {
        let all = nestling::list_adapters(&ContextOptions::default());
        Ok(all.iter().map(Adapter::from).collect())
    });
    listed.await
}

/// Verifies a bundle's file and tells what is in it; needs no GPU.
#[uniffi::export]
pub async fn read_bundle(path: String) -> Result<BundleFacts, NestlingError> {
    let facts = Watch::default().run(async move |_| {
        let bundle = Bundle::open(path).map_err(nestling::Error::from)?;
        Ok(BundleFacts::from(&bundle))
    });
    facts.await
}

/// Version of the library.
#[uniffi::export]
pub fn library_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
