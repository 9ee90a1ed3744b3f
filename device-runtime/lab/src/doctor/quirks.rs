//! Faults of drivers that are publicly known, and what they mean here. `docs/quirks.md` has the same names.
//!
//! An adapter gets those of its vendor: the threads seldom say which other models and driver versions have a fault.

use nestling::AdapterInfo;
use nestling::low_level::Vendor;
use serde::{Deserialize, Serialize};

/// A known fault of a driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quirk {
    /// Its name in `docs/quirks.md`.
    pub name: String,
    /// The fault.
    pub fault: String,
    /// The reason why Nestling is not concerned, or what finds it and what to do.
    pub here: String,
}

struct Row {
    name: &'static str,
    concerns: fn(&AdapterInfo) -> bool,
    fault: &'static str,
    here: &'static str,
}

const ROWS: [Row; 10] = [
    Row {
        name: "adreno-workgroup-shape",
        concerns: |adapter| adapter.vendor_family() == Vendor::Adreno,
        fault: "on Adreno 840 a tile of outputs is wrong in a tenth to a quarter of the executions, with workgroups of 8x8 or \
                4x16 threads",
        here: "every workgroup of Nestling is a row of threads along x, a shape that was never seen to fail; repeated \
               answers find it",
    },
    Row {
        name: "adreno-channel-band",
        concerns: |adapter| adapter.vendor_family() == Vendor::Adreno,
        fault: "a convolution with 168 to 192 output channels has another result in nearly every execution",
        here: "`doctor` compares 8 to 256 output channels in steps of 8, and answers bit for bit",
    },
    Row {
        name: "adreno-power-state",
        concerns: |adapter| adapter.vendor_family() == Vendor::Adreno,
        fault: "answers differ at a low rate, more often after the GPU was idle",
        here: "`doctor` repeats one answer two hundred times, and again after five seconds of rest",
    },
    Row {
        name: "powervr-f16-convolution",
        concerns: |adapter| adapter.vendor_family() == Vendor::PowerVr,
        fault: "16-bit convolutions were off by a constant, or all zero, on Pixel 10 Pro until driver 25.3",
        here: "f16 runs only after a self-test; update the driver, or stay with f32",
    },
    Row {
        name: "mali-f16-detections",
        concerns: |adapter| adapter.vendor_family() == Vendor::Mali,
        fault: "results of 16-bit networks were reported wrong on Mali-G720",
        here: "f16 runs only after a self-test; stay with f32 if golden pictures deviate",
    },
    Row {
        name: "mali-corrupt-text",
        concerns: |adapter| adapter.vendor_family() == Vendor::Mali,
        fault: "a language model on Mali-G715 gave corrupt numbers and quotes, more of them with longer contexts, where \
                the processor gave right ones",
        here: "`doctor` compares every kernel with the reference, and repeats one answer; golden pictures find the rest",
    },
    Row {
        name: "mali-lost-device",
        concerns: |adapter| adapter.vendor_family() == Vendor::Mali,
        fault: "the device was lost, or answers were NaN, on Mali-G76 with driver r32p1 in transformers",
        here: "a lost device is `device_lost`: open the runtime again; repeated answers find NaN",
    },
    Row {
        name: "lavapipe-loop-limit",
        concerns: |adapter| adapter.name.contains("llvmpipe"),
        fault: "every loop of a shader ends after 65,535 iterations, without an error",
        here: "planning refuses a layer whose loop would be longer",
    },
    Row {
        name: "lavapipe-old-f16",
        concerns: |adapter| adapter.name.contains("llvmpipe") && !adapter.f16,
        fault: "on processors without f16 instructions WGSL's `unpack2x16float` is missing",
        here: "weights that a bundle stores as f16 are f32 on the GPU",
    },
    Row {
        name: "gl-one-context",
        concerns: |adapter| adapter.backend == "gl",
        fault: "OpenGL and GLES have one context for all threads",
        here: "calls from several threads take turns; prefer Vulkan where there is a choice",
    },
];

impl Quirk {
    /// Those that are known of drivers of an adapter's vendor.
    pub fn of(adapter: &AdapterInfo) -> Vec<Self> {
        let concerned = ROWS.iter().filter(|row| (row.concerns)(adapter));
        concerned.map(|row| Self { name: row.name.into(), fault: row.fault.into(), here: row.here.into() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_quirk_and_no_other() {
        let text = include_str!("../../../../docs/quirks.md");
        let told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(told, ROWS.map(|row| row.name));
    }

    #[test]
    fn an_adapter_gets_its_own_quirks() {
        let adapter = |name: &str, kind: &str| AdapterInfo {
            name: name.to_owned(),
            device_type: kind.to_owned(),
            backend: "vulkan".to_owned(),
            f16: true,
            ..AdapterInfo::default()
        };
        let names = |adapter: &AdapterInfo| Quirk::of(adapter).into_iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names(&adapter("llvmpipe (LLVM 15.0.6, 256 bits)", "cpu")), ["lavapipe-loop-limit"]);
        assert_eq!(names(&adapter("Adreno (TM) 840", "integrated")).len(), 3);
        assert!(names(&adapter("Mali-G76", "integrated")).iter().all(|name| name.starts_with("mali")));
        assert!(names(&adapter("NVIDIA H200", "discrete")).is_empty());
    }
}
