//! The class `Bundle`.

use crate::error::thrown;
use crate::facts;
use crate::object::array;
use crate::options::runtime_options;
use crate::runtime::Runtime;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A bundle that arrives piece by piece.
#[wasm_bindgen]
#[derive(Default)]
pub struct BundleStream {
    stream: nestling::BundleStream,
}

#[wasm_bindgen]
impl BundleStream {
    /// An empty one.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, and verifies each part as soon as its last byte is there.
    ///
    /// # Errors
    /// An `Error` with a code that begins with `bundle_`.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        self.stream.push(bytes).map_err(thrown)
    }

    /// Children that can run with what has arrived.
    #[wasm_bindgen(getter, js_name = arrivedChildren)]
    pub fn arrived_children(&self) -> u32 {
        self.stream.arrived_children() as u32
    }

    /// The whole bundle; leaves the stream empty.
    ///
    /// # Errors
    /// An `Error` with a code that begins with `bundle_`, also if bytes are missing.
    pub fn finish(&mut self) -> Result<Bundle, JsValue> {
        let bundle = std::mem::take(&mut self.stream).finish().map_err(thrown)?;
        Ok(Bundle { bundle: Rc::new(bundle) })
    }

    /// The bundle of what has arrived; nothing until a child can run.
    ///
    /// # Errors
    /// An `Error` with a code that begins with `bundle_`.
    pub fn bundle(&self) -> Result<Option<Bundle>, JsValue> {
        let bundle = self.stream.bundle().map_err(thrown)?;
        Ok(bundle.map(|bundle| Bundle { bundle: Rc::new(bundle) }))
    }
}

/// A verified bundle.
#[wasm_bindgen]
pub struct Bundle {
    bundle: Rc<nestling::Bundle>,
}

#[wasm_bindgen]
impl Bundle {
    /// Verifies the bytes of a bundle.
    ///
    /// # Errors
    /// An `Error` with a code that begins with `bundle_`.
    #[wasm_bindgen(js_name = fromBytes)]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JsValue> {
        let bundle = nestling::Bundle::from_bytes(bytes).map_err(thrown)?;
        Ok(Self { bundle: Rc::new(bundle) })
    }

    /// Opens an adapter and uploads the shared weights.
    ///
    /// # Errors
    /// An `Error` whose code says why the GPU or the options do not serve.
    pub async fn open(&self, options: JsValue) -> Result<Runtime, JsValue> {
        let (bundle, options) = (Rc::clone(&self.bundle), runtime_options(&options)?);
        let runtime = nestling::Runtime::open_async(&bundle, &options).await.map_err(thrown)?;
        Ok(Runtime::new(runtime, options.max_image_side))
    }

    /// Gives a runtime the children that have arrived since it was opened; returns how many can run.
    ///
    /// # Errors
    /// An `Error`: `other_bundle` if the runtime was opened with another one.
    pub async fn grow(&self, runtime: &Runtime) -> Result<u32, JsValue> {
        let (runtime, bundle) = (runtime.get()?, Rc::clone(&self.bundle));
        Ok(runtime.grow_async(&bundle).await.map_err(thrown)? as u32)
    }

    /// One name a class.
    #[wasm_bindgen(getter)]
    pub fn labels(&self) -> Vec<String> {
        self.bundle.manifest().labels.clone()
    }

    /// The children, fewest multiply-adds first.
    #[wasm_bindgen(getter)]
    pub fn children(&self) -> JsValue {
        let trained = &self.bundle.manifest().trained;
        array(self.bundle.children().iter().map(|entry| facts::child(entry, trained.covers(&entry.child))))
    }

    /// Name of the search space.
    #[wasm_bindgen(getter)]
    pub fn space(&self) -> String {
        self.bundle.space().name.clone()
    }

    /// Identity of the network: profiles belong to it.
    #[wasm_bindgen(getter, js_name = networkId)]
    pub fn network_id(&self) -> String {
        self.bundle.network_id().to_string()
    }

    /// Length of the file in bytes.
    #[wasm_bindgen(getter, js_name = fileBytes)]
    pub fn file_bytes(&self) -> f64 {
        self.bundle.file_bytes() as f64
    }

    /// Version of the file's format.
    #[wasm_bindgen(getter)]
    pub fn format(&self) -> u32 {
        self.bundle.format()
    }

    /// How a picture becomes a square: `crop`, `pad` or `squash`.
    #[wasm_bindgen(getter)]
    pub fn fit(&self) -> String {
        self.bundle.manifest().preprocessing.fit.to_string()
    }
}
