use crate::atomic_file::write_atomically;
use crate::canonical;
use crate::profile::{ChildTimes, Conditions, DeviceProfile, ProfileError};
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::Millis;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Version of the JSON that this crate writes and reads.
pub(super) const FORMAT: u32 = 6;
/// Most bytes of a file: a profile of a thousand children stays below.
const MAX_BYTES: u64 = 8 << 20;
/// Fields that profiles of all formats have, the first two of them at the beginning. A text with two of them is one,
/// even if it was cut off.
const MARKS: [&str; 5] = ["\"checksum\"", "\"children\"", "\"clock\"", "\"kernels\"", "\"reference_ms\""];

impl DeviceProfile {
    /// The file's text: indented JSON with a checksum of its values.
    pub fn to_json(&self) -> String {
        // Every key is a string: a profile always has a value.
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{:#}\n", canonical::seal(value))
    }

    /// The usual file for the profile of a bundle on a device: beside the bundle, one for each bundle and for each
    /// adapter and backend.
    ///
    /// ```
    /// use nestling_bundle::DeviceProfile;
    /// use nestling_core::latency::DeviceKey;
    /// let text = str::to_owned;
    /// let device = DeviceKey {
    ///     adapter: text("Adreno (TM) 740"),
    ///     driver: text("512"),
    ///     backend: text("vulkan"),
    ///     precision: text("f32"),
    ///     features: Vec::new(),
    /// };
    /// let path = DeviceProfile::usual_path("models/net.v1".as_ref(), &device);
    /// assert_eq!(path.to_str(), Some("models/net.v1.adreno-tm-740-vulkan.profile.json"));
    /// ```
    pub fn usual_path(bundle: &Path, device: &DeviceKey) -> PathBuf {
        // The bundle's whole name: what follows a point in it may be all that tells it from others.
        let mut name = bundle.file_name().map_or_else(|| "bundle".into(), OsStr::to_os_string);
        name.push(format!(".{}.profile.json", part_of_name(&format!("{} {}", device.adapter, device.backend))));
        bundle.with_file_name(name)
    }

    /// Writes the file whole, or leaves the old one.
    ///
    /// # Errors
    /// [`ProfileError::Write`] if the folder is missing or read-only, or the disk is full.
    pub fn save(&self, path: &Path) -> Result<(), ProfileError> {
        Ok(write_atomically(path, |file| file.write_all(self.to_json().as_bytes()))?)
    }

    /// Reads a file that [`DeviceProfile::save`] wrote. Nothing of it is trusted.
    ///
    /// # Errors
    /// [`ProfileError`] says whether the file is missing, no profile, damaged, of another format or impossible.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let open = |source| ProfileError::Open { path: path.to_owned(), source };
        // Not every system opens a folder, and none says so clearly.
        if path.is_dir() {
            return Err(open(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
        }
        let mut text = Vec::new();
        File::open(path).map_err(open)?.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(open)?;
        Self::parse(Some(path), &text)
    }

    /// Reads the text that [`DeviceProfile::to_json`] gave. Nothing of it is trusted.
    ///
    /// # Errors
    /// As [`DeviceProfile::load`].
    pub fn from_json(text: &str) -> Result<Self, ProfileError> {
        Self::parse(None, text.as_bytes())
    }

    fn parse(path: Option<&Path>, text: &[u8]) -> Result<Self, ProfileError> {
        let path = || path.map(Path::to_owned);
        let damaged = |problem: String| ProfileError::Damaged { path: path(), problem };
        if let Some(problem) = foreign(text) {
            return Err(ProfileError::NotAProfile { path: path(), problem });
        }
        let mut value: Value = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
        // Before the checksum: another format may keep its own elsewhere.
        match value.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok()) {
            Some(FORMAT) => {}
            Some(given) => return Err(ProfileError::Version { path: path(), given, supported: FORMAT }),
            None => return Err(damaged("it has no format".to_owned())),
        }
        if !canonical::unseal(&mut value) {
            return Err(damaged("it does not match its checksum".to_owned()));
        }
        // The values are the writer's own from here on. Unknown fields are skipped at any depth.
        let inconsistent = |problem: String| ProfileError::Inconsistent { path: path(), problem };
        let mut profile: Self = serde_json::from_value(value).map_err(|error| inconsistent(error.to_string()))?;
        // The order of the runtime, which may differ from that of an older file.
        profile.table.model.coefficients.sort_unstable_by_key(|coefficient| coefficient.feature);
        profile.check().map_err(inconsistent)?;
        Ok(profile)
    }

    /// Every time and every coefficient is possible.
    fn check(&self) -> Result<(), String> {
        let sound = |time: &Millis| time.0.is_finite() && !time.0.is_sign_negative();
        if !(sound(&self.reference_ms) && self.reference_ms.0 > 0.0) {
            return Err("the time of its reference is impossible".to_owned());
        }
        if !self.timeline_ms.iter().all(|run| sound(run) && run.0 > 0.0) {
            return Err("its timeline holds an impossible time".to_owned());
        }
        self.conditions.as_ref().map_or(Ok(()), Conditions::check)?;
        if !self.table.is_sound() {
            return Err("its latency table holds an impossible number".to_owned());
        }
        for times in self.informative.iter().chain(&self.children) {
            let ChildTimes { predicted_ms, measured_p50_ms, measured_p90_ms, measured_p95_ms, .. } = *times;
            let all = [predicted_ms, times.calm(), measured_p50_ms, measured_p90_ms, measured_p95_ms];
            if !all.iter().chain(&times.runs_ms).all(sound) || times.measured_p50_ms.0 <= 0.0 {
                return Err(format!("child `{}` has an impossible time", times.child));
            }
        }
        match self.layers.iter().find(|layer| !sound(&layer.latency_ms)) {
            Some(layer) => Err(format!("layer `{}` has an impossible time", layer.shape)),
            None => Ok(()),
        }
    }
}

/// The sign that a text is no profile, not even a damaged one or one of another format.
fn foreign(text: &[u8]) -> Option<&'static str> {
    let has = |mark: &str| text.windows(mark.len()).any(|part| part == mark.as_bytes());
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() as u64 > MAX_BYTES {
        Some("it has more than 8 MiB")
    } else if text.trim_ascii_start().first() != Some(&b'{') || MARKS.iter().filter(|mark| has(mark)).count() < 2 {
        Some("its contents are of another kind")
    } else {
        None
    }
}

/// A driver's words as a part of a file's name.
fn part_of_name(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::metrics::PowerMode;
    use serde_json::json;
    use std::time::Duration;

    const GOLDEN: &str = include_str!("../../../../tests/golden/profile-v6.json");

    /// The golden profile with other values, with a new checksum.
    fn changed(change: impl FnOnce(&mut Value)) -> Result<DeviceProfile, ProfileError> {
        let mut value = serde_json::from_str(GOLDEN).unwrap();
        assert!(canonical::unseal(&mut value));
        change(&mut value);
        DeviceProfile::from_json(&canonical::seal(value).to_string())
    }

    /// Puts an unknown field into every object.
    fn extend(value: &mut Value) -> usize {
        match value {
            Value::Object(fields) => {
                let below: usize = fields.values_mut().map(extend).sum();
                // An object of one field may stand for a variant with its contents: it names no field that could be
                // new.
                let is_variant = ["layers", "mega_madds", "megabytes"].iter().any(|name| fields.contains_key(*name));
                if is_variant && fields.len() == 1 {
                    return below;
                }
                fields.insert("from_the_future".to_owned(), json!({"a": [1, 2.5, null]}));
                below + 1
            }
            Value::Array(values) => values.iter_mut().map(extend).sum(),
            _ => 0,
        }
    }

    #[test]
    fn unknown_fields_are_skipped_at_any_depth() {
        let mut count = 0;
        let profile = changed(|value| count = extend(value)).unwrap();
        assert_eq!(profile, DeviceProfile::from_json(GOLDEN).unwrap());
        assert!(count > 20, "{count}");
    }

    #[test]
    fn values_that_are_impossible_missing_or_newer_are_typed_errors() {
        type Change = fn(&mut Value);
        let changes: [(Change, &str); 13] = [
            (|value| value["reference_ms"] = json!(0), "the time of its reference"),
            (|value| value["timeline_ms"] = json!([1.0, 0.0]), "its timeline"),
            (|value| value["conditions"] = json!({"cadence_ms": 0.0, "load": {"share": 1.0}}), "its cadence"),
            (|value| value["conditions"] = json!({"cadence_ms": 1e9, "load": {"share": 1.0}}), "its cadence"),
            (|value| value["conditions"] = json!({"cadence_ms": null, "load": {"share": 1.5}}), "its load"),
            (|value| value["children"][0]["calm_ms"] = json!(-1.0), "child `r16 "),
            (|value| value["table"]["residual_percent"] = json!(-1), "latency table"),
            (|value| value["children"][0]["measured_p50_ms"] = json!(-2.0), "child `r16 "),
            (|value| value["layers"][1]["latency_ms"] = json!(-2.0), "layer `"),
            (|value| value["table"]["model"]["coefficients"][0]["feature"] = json!("teleports"), "teleports"),
            (|value| value["tiles"][0]["pixels"] = json!(99), "a tile that no engine builds"),
            (|value| value["children"][0]["child"] = json!("r16"), "is not a child"),
            (|value| drop(value.as_object_mut().unwrap().remove("kernels")), "missing field `kernels`"),
        ];
        for (change, expected) in changes {
            let error = changed(change).unwrap_err();
            assert!(matches!(&error, ProfileError::Inconsistent { path: None, .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn conditions_are_kept_and_those_of_an_older_profile_are_back_to_back_and_unknown() {
        let mut profile = DeviceProfile::from_json(GOLDEN).unwrap();
        assert_eq!((profile.conditions, profile.cadence()), (None, None));
        let older = profile.measured_under();
        assert_eq!((older.cadence_ms, older.power_mode), (None, PowerMode::Unknown));
        let paced = Conditions { cadence_ms: Some(Millis(100.0)), power_mode: PowerMode::Battery, ..older };
        profile.conditions = Some(paced);
        let read = DeviceProfile::from_json(&profile.to_json()).unwrap();
        assert_eq!((read.conditions, read.measured_under()), (Some(paced), paced));
        assert_eq!(read.cadence(), Some(Duration::from_millis(100)));
        // A version before this one skips the field, and one after it may add others.
        let few = changed(|value| value["conditions"] = json!({"load": {"share": 0.5}, "humidity": 3})).unwrap();
        assert_eq!((few.cadence(), few.measured_under().load.share), (None, 0.5));
    }

    #[test]
    fn another_layout_of_the_same_values_is_the_same_profile() {
        let compact = serde_json::from_str::<Value>(GOLDEN).unwrap().to_string();
        // As a program writes it that knows only one kind of numbers.
        let whole = compact.replace("2.0,", "2,").replace("6.0,", "6,").replace("3.0,", "3,");
        assert_ne!(whole, compact);
        for text in [compact, whole] {
            assert_eq!(DeviceProfile::from_json(&text).unwrap(), DeviceProfile::from_json(GOLDEN).unwrap());
        }
    }

    #[test]
    fn every_bundle_and_every_device_has_a_file_of_its_own() {
        let device = |adapter: &str, backend: &str| DeviceKey {
            adapter: adapter.to_owned(),
            backend: backend.to_owned(),
            ..DeviceProfile::from_json(GOLDEN).unwrap().table.device
        };
        let bundles = ["net", "net.v1", "net.v2", "net.nestling", "net.v1.nestling"];
        let llvmpipe = "llvmpipe (LLVM 15.0.6, 256 bits)";
        let devices = [device(llvmpipe, "vulkan"), device(llvmpipe, "gl"), device("Mali-G78", "vulkan")];
        let path = |bundle: &str, device| DeviceProfile::usual_path(Path::new(bundle), device);
        let all: std::collections::HashSet<PathBuf> =
            bundles.iter().flat_map(|bundle| devices.iter().map(|device| path(bundle, device))).collect();
        assert_eq!(all.len(), bundles.len() * devices.len());
        let hostile = path("folder/net", &device("../../x\u{1b}[31m/\\", "vulkan"));
        assert_eq!(hostile, Path::new("folder/net.x-31m-vulkan.profile.json"));
    }

    #[test]
    fn foreign_texts_are_typed_errors() {
        let foreign = ["", "{", "[]", "{}", "null", "{\"format\": 6}", "notes", &GOLDEN[..30], &format!("// {GOLDEN}")];
        for text in foreign.into_iter().chain([&*"[".repeat(100_000), &" ".repeat(MAX_BYTES as usize + 1)]) {
            let error = DeviceProfile::from_json(text).unwrap_err();
            assert_eq!(error.code(), "profile_not_a_profile", "{text:.40}");
            assert!(error.to_string().starts_with("the text is not a device profile: it"), "{error}");
        }
    }

    /// Such files may be replaced: measuring makes a new one.
    #[test]
    fn damaged_profiles_and_those_of_other_formats_are_told_from_foreign_texts() {
        // Miri takes a second for each.
        for length in (80..GOLDEN.len() - 2).step_by(if cfg!(miri) { 997 } else { 1 }) {
            let error = DeviceProfile::from_json(&GOLDEN[..length]).unwrap_err();
            assert!(matches!(&error, ProfileError::Damaged { .. }), "{length}: {error}");
        }
        let marked = |format: &str| format!("{{\"checksum\": \"\", \"children\": [], \"format\": {format}}}");
        for format in ["6", "\"6\"", "null", "-1"] {
            let error = DeviceProfile::from_json(&marked(format)).unwrap_err();
            assert!(matches!(&error, ProfileError::Damaged { .. }), "{error}");
        }
        for format in [2, 5, 7] {
            let error = DeviceProfile::from_json(&marked(&format.to_string())).unwrap_err();
            assert!(matches!(error, ProfileError::Version { given, supported: 6, .. } if given == format), "{error}");
        }
    }
}
