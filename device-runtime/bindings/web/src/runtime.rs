//! The class `Runtime`.

use crate::error::{of_code, thrown};
use crate::governor::Governor;
use crate::options::{image, quantile};
use crate::{facts, progress};
use js_sys::Function;
use nestling::{Budget, DeviceProfile, Error, Governed, GovernorOptions, Latency, Millis};
use std::cell::RefCell;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

/// Runs of a child from which the median of each layer is taken.
const LAYER_RUNS: usize = 5;

/// A bundle on a GPU.
#[wasm_bindgen]
pub struct Runtime {
    /// Taken when it is closed; calls that have begun keep theirs until they end.
    runtime: RefCell<Option<Arc<nestling::Runtime>>>,
    max_image_side: u32,
}

impl Runtime {
    /// Makes it of the SDK's.
    pub(crate) fn new(runtime: nestling::Runtime, max_image_side: u32) -> Self {
        Self { runtime: RefCell::new(Some(Arc::new(runtime))), max_image_side }
    }

    pub(crate) fn get(&self) -> Result<Arc<nestling::Runtime>, JsValue> {
        let runtime = self.runtime.borrow().clone();
        runtime.ok_or_else(|| of_code("closed", "the runtime is closed: open another one"))
    }
}

#[wasm_bindgen]
impl Runtime {
    /// The adapter that really runs.
    #[wasm_bindgen(getter)]
    pub fn adapter(&self) -> Result<JsValue, JsValue> {
        Ok(facts::adapter(self.get()?.adapter()))
    }

    /// The children, fewest multiply-adds first, with the times of the profile.
    #[wasm_bindgen(getter)]
    pub fn children(&self) -> Result<JsValue, JsValue> {
        Ok(facts::children(&*self.get()?))
    }

    /// Name of the child that answers.
    #[wasm_bindgen(getter)]
    pub fn active(&self) -> Result<Option<String>, JsValue> {
        Ok(self.get()?.active().name().map(str::to_owned))
    }

    /// Largest side of an image's centre square in pixels.
    #[wasm_bindgen(getter, js_name = maxImageSide)]
    pub fn max_image_side(&self) -> u32 {
        self.max_image_side
    }

    /// GPU objects made and bytes sent so far.
    #[wasm_bindgen(getter)]
    pub fn counters(&self) -> Result<JsValue, JsValue> {
        Ok(facts::counters(self.get()?.supernet().context().counters()))
    }

    /// Measures this device, unless a profile is in use; returns whether it was measured.
    ///
    /// # Errors
    /// The exception of `on_progress`, or an `Error` if the GPU fails.
    pub async fn profile(&self, on_progress: Option<Function>) -> Result<bool, JsValue> {
        let runtime = self.get()?;
        let is_measured = runtime.current_profile().is_none();
        let measure = async move |report: nestling::OnProgress<'_>| {
            runtime.ensure_profile_with_async(Some(report)).await.map(|_| is_measured)
        };
        progress::run(on_progress, measure).await
    }

    /// The profile in use as text, to be stored; nothing if there is none.
    #[wasm_bindgen(getter, js_name = profileText)]
    pub fn profile_text(&self) -> Result<Option<String>, JsValue> {
        Ok(self.get()?.current_profile().map(|profile| profile.to_json()))
    }

    /// Takes a profile that was stored.
    ///
    /// # Errors
    /// An `Error` with a code that begins with `profile_` if it is damaged or stale.
    #[wasm_bindgen(js_name = useProfile)]
    pub fn use_profile(&self, text: &str) -> Result<(), JsValue> {
        let profile = DeviceProfile::from_json(text).map_err(|error| thrown(Error::from(error)))?;
        self.get()?.use_profile(profile).map_err(thrown)
    }

    /// Chooses the most accurate child within a budget; it becomes the active one.
    ///
    /// # Errors
    /// The exception of `on_progress`, or an `Error`; `below_fastest` says what the fastest child needs.
    pub async fn choose(
        &self,
        limit_ms: f64,
        quantile_percent: u32,
        on_progress: Option<Function>,
    ) -> Result<JsValue, JsValue> {
        let budget = Budget { limit: Millis(limit_ms), quantile: quantile(quantile_percent)? };
        let runtime = self.get()?;
        let choose = async move |report: nestling::OnProgress<'_>| runtime.choose_async(budget, Some(report)).await;
        Ok(facts::choice(&progress::run(on_progress, choose).await?))
    }

    /// Up to `count` budgets in milliseconds, each meant for another child.
    ///
    /// # Errors
    /// An `Error` if the GPU fails.
    #[wasm_bindgen(js_name = typicalBudgets)]
    pub async fn typical_budgets(&self, count: usize, quantile_percent: u32) -> Result<Vec<f64>, JsValue> {
        let (runtime, quantile) = (self.get()?, quantile(quantile_percent)?);
        let budgets = runtime.typical_budgets_async(count, quantile).await.map_err(thrown)?;
        Ok(budgets.iter().map(|budget| budget.limit.0).collect())
    }

    /// Makes a child the active one; returns the microseconds that it took.
    ///
    /// # Errors
    /// An `Error` if no child has this name or it was never trained.
    #[wasm_bindgen(js_name = switchTo)]
    pub fn switch_to(&self, child: &str) -> Result<f64, JsValue> {
        Ok(self.get()?.switch_to(child).map_err(thrown)?.as_secs_f64() * 1e6)
    }

    /// Classifies pixels with the active child.
    ///
    /// # Errors
    /// An `Error` if the pixels do not fit their size or the GPU fails.
    pub async fn classify(
        &self,
        pixels: Vec<u8>,
        width: u32,
        height: u32,
        format: &str,
        top: usize,
    ) -> Result<JsValue, JsValue> {
        let (runtime, image) = (self.get()?, image(&pixels, width, height, format)?);
        let answer = runtime.classify_async(image).await.map_err(thrown)?;
        Ok(facts::answer(&answer, top, &runtime))
    }

    /// The active child's raw output, one value a class.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    pub async fn logits(&self, pixels: Vec<u8>, width: u32, height: u32, format: &str) -> Result<Vec<f32>, JsValue> {
        let (runtime, image) = (self.get()?, image(&pixels, width, height, format)?);
        runtime.logits_async(image).await.map_err(thrown)
    }

    /// Times a child, from image to logits, `runs` times after one warm-up.
    ///
    /// # Errors
    /// An `Error` if no child has this name or the GPU fails.
    pub async fn time(&self, child: String, runs: usize) -> Result<JsValue, JsValue> {
        let runtime = self.get()?;
        let prepared = runtime.prepared(&child).map_err(thrown)?;
        let times = runtime.supernet().time_whole_async(prepared, &runtime.probe_image(), runs.max(1)).await;
        Ok(facts::latency(Latency::of(&times.map_err(thrown)?)))
    }

    /// Times each layer of the active child.
    ///
    /// # Errors
    /// An `Error` if the GPU fails.
    pub async fn layers(&self) -> Result<JsValue, JsValue> {
        let runtime = self.get()?;
        let active = runtime.active();
        let times = runtime.supernet().time_layers_async(active.prepared(), LAYER_RUNS).await.map_err(thrown)?;
        Ok(facts::layers(&times, active.prepared()))
    }

    /// Puts a governor in charge of a budget in milliseconds.
    ///
    /// # Errors
    /// The exception of `on_progress`, or an `Error` if the limit is no duration or the GPU fails.
    pub async fn govern(&self, limit_ms: f64, on_progress: Option<Function>) -> Result<Governor, JsValue> {
        let runtime = self.get()?;
        let begin = async move |report: nestling::OnProgress<'_>| {
            runtime.ensure_profile_with_async(Some(report)).await?;
            Governed::new_async(runtime, GovernorOptions::new(Millis(limit_ms))).await
        };
        Ok(Governor::new(progress::run(on_progress, begin).await?))
    }

    /// Loses the device on purpose, so that an app can test its own recovery.
    #[wasm_bindgen(js_name = loseDevice)]
    pub fn lose_device(&self) -> Result<(), JsValue> {
        self.get()?.supernet().context().destroy();
        Ok(())
    }

    /// Frees the GPU once the calls that have begun are over.
    pub fn close(&self) {
        let runtime = self.runtime.borrow_mut().take();
        drop(runtime);
    }
}
