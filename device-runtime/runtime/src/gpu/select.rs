//! The adapter that a text means, among all that there are.

use crate::Error;
use crate::gpu::AdapterInfo;

/// The adapter in `all` that `wanted` means: its index, its PCI bus id, or a part of its name in any case.
///
/// One GPU is often offered by several backends: the first of them that offers a fitting name is taken.
pub(super) fn select(all: &[AdapterInfo], wanted: &str, only_software: bool, tried: &str) -> Result<usize, Error> {
    let wanted = wanted.trim();
    let may_be = |info: &&AdapterInfo| !only_software || info.is_software();
    let none = |which: String| {
        let which = if only_software { format!("in software {which}") } else { which };
        Err(Error::NoAdapter { wanted: which, tried: tried.to_owned(), found: list(all.iter()) })
    };
    if wanted.is_empty() {
        return none("with an empty name".to_owned());
    }
    if wanted.bytes().all(|byte| byte.is_ascii_digit()) {
        let index: Option<usize> = wanted.parse().ok();
        let has_index = |info: &AdapterInfo| index.is_some() && info.index == index && may_be(&info);
        return all.iter().position(has_index).map_or_else(|| none(format!("with the index {wanted}")), Ok);
    }
    let has_id = |info: &&AdapterInfo| info.pci_bus_id.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(wanted));
    let part = wanted.to_lowercase();
    let has_name = |info: &&AdapterInfo| info.name.to_lowercase().contains(&part);
    let mut matching: Vec<&AdapterInfo> = all.iter().filter(may_be).filter(has_id).collect();
    if matching.is_empty() {
        matching = all.iter().filter(may_be).filter(has_name).collect();
    }
    if let Some(backend) = matching.first().map(|first| first.backend.clone()) {
        matching.retain(|info| info.backend == backend);
    }
    match matching[..] {
        [one] => Ok(all.iter().position(|info| std::ptr::eq(info, one)).unwrap_or(0)),
        [] => none(format!("whose name contains `{part}`")),
        _ => Err(Error::AmbiguousAdapter { wanted: wanted.to_owned(), matching: list(matching.into_iter()) }),
    }
}

/// Adapters for an error's message.
pub(super) fn list<'a>(adapters: impl Iterator<Item = &'a AdapterInfo>) -> String {
    let line = |info: &AdapterInfo| match info.index {
        Some(index) => format!("{index}: {info}"),
        None => info.to_string(),
    };
    let lines: Vec<String> = adapters.map(line).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str, backend: &str, bus: Option<&str>) -> AdapterInfo {
        AdapterInfo {
            index: Some(index),
            name: name.to_owned(),
            pci_bus_id: bus.map(str::to_owned),
            backend: backend.to_owned(),
            device_type: if name.starts_with("llvmpipe") { "cpu" } else { "discrete" }.to_owned(),
            ..AdapterInfo::default()
        }
    }

    /// Two equal GPUs, one of another maker and a software adapter, each on two backends.
    fn machine() -> Vec<AdapterInfo> {
        vec![
            adapter(0, "NVIDIA GeForce RTX 3060", "vulkan", Some("0000:01:00.0")),
            adapter(1, "NVIDIA GeForce RTX 3060", "vulkan", Some("0000:0A:00.0")),
            adapter(2, "AMD Radeon RX 6600", "vulkan", Some("0000:03:00.0")),
            adapter(3, "llvmpipe (LLVM 15.0.6, 256 bits)", "vulkan", None),
            adapter(4, "NVIDIA GeForce RTX 3060/PCIe/SSE2", "gl", None),
            adapter(5, "llvmpipe (LLVM 15.0.6, 256 bits)", "gl", None),
        ]
    }

    fn chosen(wanted: &str) -> Result<usize, Error> {
        select(&machine(), wanted, false, "vulkan, gl")
    }

    #[test]
    fn an_index_a_bus_id_or_a_part_of_a_name_means_one_adapter() {
        for (wanted, index) in [
            ("0", 0),
            ("1", 1),
            (" 5 ", 5),
            ("0000:0a:00.0", 1),
            ("radeon", 2),
            ("RX 66", 2),
            ("LLVMpipe", 3),
            ("sse2", 4),
        ] {
            assert_eq!(chosen(wanted).unwrap(), index, "{wanted}");
        }
    }

    #[test]
    fn several_that_fit_are_an_error_that_lists_them() {
        for wanted in ["rtx 3060", "geforce", "e"] {
            let error = chosen(wanted).unwrap_err();
            let text = error.to_string();
            assert_eq!(error.code(), "ambiguous_adapter");
            assert!(text.contains("0: NVIDIA GeForce RTX 3060 (") && text.contains("1: NVIDIA"), "{text}");
            assert!(text.contains("0000:01:00.0") && text.contains("0000:0A:00.0") && !text.contains("5: "), "{text}");
        }
    }

    #[test]
    fn nonsense_is_an_error_that_lists_all() {
        for (wanted, why) in [
            ("", "with an empty name"),
            (" \t", "with an empty name"),
            ("6", "with the index 6"),
            ("3060", "with the index 3060"),
            ("99999999999999999999999", "with the index 99999999999999999999999"),
            ("voodoo 2", "whose name contains `voodoo 2`"),
            ("-1", "whose name contains `-1`"),
            ("0000:ff:00.0", "whose name contains `0000:ff:00.0`"),
        ] {
            let error = chosen(wanted).unwrap_err();
            let text = error.to_string();
            assert_eq!(error.code(), "no_adapter");
            assert!(text.contains(why) && text.contains("2: AMD Radeon") && text.contains("5: llvmpipe"), "{text}");
        }
        let text = select(&[], "1", false, "vulkan").unwrap_err().to_string();
        assert!(text.contains("found none") && text.contains("mesa-vulkan-drivers"), "{text}");
    }

    #[test]
    fn only_software_is_looked_at_if_that_is_asked_for() {
        assert_eq!(select(&machine(), "3", true, "vulkan").unwrap(), 3);
        assert_eq!(select(&machine(), "l", true, "vulkan").unwrap(), 3);
        let text = select(&machine(), "0", true, "vulkan").unwrap_err().to_string();
        assert!(text.contains("in software with the index 0"), "{text}");
    }

    #[test]
    fn what_a_driver_calls_itself_is_printed_safely() {
        let hostile = [adapter(0, "GPU\u{1b}]0;title\u{7}\n", "vulkan", None)];
        let text = select(&hostile, "x", false, "vulkan").unwrap_err().to_string();
        assert!(!text.contains(['\u{1b}', '\u{7}', '\n']) && text.contains("GPU\\u{1b}"), "{text}");
    }
}
