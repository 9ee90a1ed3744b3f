//! The processor that a software adapter computes on. Its times depend on it as those of a GPU depend on the GPU.

/// The threads that this process may use and the processor's model, such as `2 threads of AMD EPYC 7B13`.
///
/// The number obeys the affinity of the process and its group's quota, and `LP_NUM_THREADS`, which lavapipe reads.
pub(super) fn description() -> String {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    let asked = std::env::var("LP_NUM_THREADS").ok();
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model(&text));
    let processor = processor.or_else(|| std::env::var("PROCESSOR_IDENTIFIER").ok()); // Windows has it
    describe(threads(allowed, asked.as_deref()), processor.as_deref().unwrap_or(std::env::consts::ARCH))
}

fn describe(threads: usize, processor: &str) -> String {
    format!("{threads} {} of {processor}", if threads == 1 { "thread" } else { "threads" })
}

/// Threads that compute: with 0 as lavapipe's number, the caller's own thread does.
fn threads(allowed: usize, asked: Option<&str>) -> usize {
    asked.and_then(|asked| asked.trim().parse().ok()).map_or(allowed, |asked: usize| asked.max(1).min(allowed))
}

/// The model that Linux tells: by name, or by its designer's numbers on ARM.
fn model(cpuinfo: &str) -> Option<String> {
    let value = |key: &str| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let numbers = || Some(format!("ARM {} {}", value("CPU implementer")?, value("CPU part")?));
    value("model name").filter(|name| !name.is_empty()).or_else(numbers).or_else(|| value("uarch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found_on_every_kind_of_processor() {
        let amd =
            "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 1\nmodel name\t: AMD EPYC  7B13\nprocessor\t: 1\n";
        assert_eq!(model(amd).unwrap(), "AMD EPYC 7B13");
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n";
        assert_eq!(model(arm).unwrap(), "ARM 0x41 0xd0c");
        assert_eq!(model("processor\t: 0\nhart\t: 0\nuarch\t: sifive,u74-mc\n").unwrap(), "sifive,u74-mc");
        assert_eq!(model(""), None);
    }

    #[test]
    fn threads_are_those_that_are_allowed_and_that_the_driver_is_told_to_use() {
        assert_eq!(threads(4, None), 4);
        assert_eq!(threads(4, Some("2")), 2);
        assert_eq!(threads(4, Some("64")), 4);
        assert_eq!((threads(4, Some("0")), threads(4, Some("all"))), (1, 4));
        assert_eq!(describe(1, "x"), "1 thread of x");
        assert_eq!(describe(8, "x"), "8 threads of x");
        assert!(description().contains(" of "));
    }
}
