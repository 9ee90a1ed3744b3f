//! The class `Governor`.

use crate::error::{of_code, thrown};
use crate::facts;
use crate::options::{image, thermal_hint};
use nestling::{Governed, Millis, Runtime};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

/// A runtime that switches by itself to keep a budget.
#[wasm_bindgen]
pub struct Governor {
    governed: RefCell<Option<Rc<Governed<Arc<Runtime>>>>>,
}

impl Governor {
    /// Makes it of the SDK's.
    pub(crate) fn new(governed: Governed<Arc<Runtime>>) -> Self {
        Self { governed: RefCell::new(Some(Rc::new(governed))) }
    }

    fn get(&self) -> Result<Rc<Governed<Arc<Runtime>>>, JsValue> {
        let governed = self.governed.borrow().clone();
        governed.ok_or_else(|| of_code("closed", "the governor is closed: call `govern` again"))
    }
}

#[wasm_bindgen]
impl Governor {
    /// Classifies pixels with its child and takes the time into account.
    ///
    /// # Errors
    /// As `Runtime.classify`.
    pub async fn classify(
        &self,
        pixels: Vec<u8>,
        width: u32,
        height: u32,
        format: &str,
        top: usize,
    ) -> Result<JsValue, JsValue> {
        let (governed, image) = (self.get()?, image(&pixels, width, height, format)?);
        let answer = governed.classify_async(image).await.map_err(thrown)?;
        Ok(facts::answer(&answer, top, governed.runtime()))
    }

    /// Changes the limit in milliseconds.
    ///
    /// # Errors
    /// An `Error` if it is no duration; the old limit stays.
    #[wasm_bindgen(js_name = setBudget)]
    pub fn set_budget(&self, limit_ms: f64) -> Result<(), JsValue> {
        self.get()?.set_budget(Millis(limit_ms)).map_err(thrown)
    }

    /// Sets the thermal state that the app knows of.
    ///
    /// # Errors
    /// An `Error` that lists the names.
    #[wasm_bindgen(js_name = setThermalHint)]
    pub fn set_thermal_hint(&self, hint: &str) -> Result<(), JsValue> {
        self.get()?.set_thermal_hint(thermal_hint(hint)?);
        Ok(())
    }

    /// Its child, limit and times now.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> Result<JsValue, JsValue> {
        Ok(facts::governor(&self.get()?.governor()))
    }

    /// Ends its charge; its child stays the active one.
    pub fn close(&self) {
        let governed = self.governed.borrow_mut().take();
        governed.iter().for_each(|governed| governed.retire());
    }
}
