//! Caches of compiled kernels for other processes of this program: empty at first.

use anyhow::{Context as _, Result};
use nestling::AdapterInfo;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder for the runtime's pipelines and the driver's own cache; removed at the end.
pub struct Caches {
    folder: PathBuf,
}

impl Caches {
    pub fn empty() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nestling-start-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Has a command keep its caches here. Mesa and NVIDIA's driver let themselves be told; the others do not.
    pub fn set(&self, command: &mut Command) {
        command.arg("--pipeline-cache").arg(self.folder.join("pipelines"));
        for variable in ["MESA_SHADER_CACHE_DIR", "MESA_GLSL_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH"] {
            command.env(variable, &self.folder);
        }
        // A cache that is switched off would make every start the first one.
        for variable in ["MESA_SHADER_CACHE_DISABLE", "MESA_GLSL_CACHE_DISABLE", "__GL_SHADER_DISK_CACHE"] {
            command.env_remove(variable);
        }
    }
}

impl Drop for Caches {
    fn drop(&mut self) {
        // The system empties its folder of temporary files, if this fails.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether the adapter's driver takes its cache from where [`Caches::set`] says.
pub fn can_be_emptied(adapter: &AdapterInfo) -> bool {
    let driver = adapter.driver_text().to_lowercase();
    ["vulkan", "gl"].contains(&adapter.backend.as_str()) && ["mesa", "nvidia"].iter().any(|name| driver.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_new_each_time_and_gone_at_the_end() {
        let (one, other) = (Caches::empty().unwrap(), Caches::empty().unwrap());
        assert_ne!(one.folder, other.folder);
        std::fs::create_dir(one.folder.join("pipelines")).unwrap();
        let folder = one.folder.clone();
        drop(one);
        assert!(!folder.exists() && other.folder.is_dir());
    }

    #[test]
    fn only_drivers_that_can_be_told_count_as_emptied() {
        let adapter = |backend: &str, driver: &str, driver_info: &str| AdapterInfo {
            backend: backend.to_owned(),
            driver: driver.to_owned(),
            driver_info: driver_info.to_owned(),
            ..AdapterInfo::default()
        };
        assert!(can_be_emptied(&adapter("vulkan", "llvmpipe", "Mesa 22.3.6 (LLVM 15.0.6)")));
        assert!(can_be_emptied(&adapter("vulkan", "NVIDIA", "570.86.16")));
        assert!(!can_be_emptied(&adapter("metal", "", "")));
        assert!(!can_be_emptied(&adapter("dx12", "NVIDIA", "32.0.15.6094")));
        assert!(!can_be_emptied(&adapter("vulkan", "Qualcomm", "512.615")));
    }
}
