use nestling_core::latency::{DeviceKey, LatencyTable};

/// Why a name means no device of a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The bundle knows no device.
    #[error(
        "the bundle has no latency tables; measure a device with `nestling-device profile` and add it with `nestling \
         latency add`"
    )]
    NoTables,
    /// No device matches.
    #[error("no device matches `{name}`; the bundle has tables of:\n{known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The devices that exist, one a line.
        known: String,
    },
    /// Several devices match.
    #[error("`{name}` matches several devices; add another word, or give a whole line of these:\n{matching}")]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// The devices that match, one a line.
        matching: String,
    },
}

fn lines<'a>(tables: impl Iterator<Item = &'a LatencyTable>) -> String {
    tables.map(|table| table.device.to_string()).collect::<Vec<_>>().join("\n")
}

/// Whether each word of a name is part of something that the key says, in any case. A word that is the whole precision of
/// one of the tables means that precision: `f16` is also a feature of adapters that offer it, used or not.
fn matches(tables: &[LatencyTable], device: &DeviceKey, name: &str) -> bool {
    let DeviceKey { adapter, driver, backend, precision, features } = device;
    let facts: Vec<String> =
        [adapter, driver, backend, precision].into_iter().chain(features).map(|fact| fact.to_lowercase()).collect();
    let is = |device: &DeviceKey, word: &str| device.precision.to_lowercase() == word;
    name.to_lowercase().split_whitespace().all(|word| {
        if tables.iter().any(|table| is(&table.device, word)) {
            is(device, word)
        } else {
            facts.iter().any(|fact| fact.contains(word))
        }
    })
}

/// The table of the device that a name means: words that are parts of what its key says, or all of its adapter's name, or
/// the key as it is printed.
///
/// # Errors
/// [`DeviceError`] if none or several match; it lists them.
pub fn find_device<'a>(tables: &'a [LatencyTable], name: &str) -> Result<&'a LatencyTable, DeviceError> {
    if tables.is_empty() {
        return Err(DeviceError::NoTables);
    }
    let whole = |table: &&LatencyTable| {
        let name = name.trim().to_lowercase();
        table.device.adapter.to_lowercase() == name || table.device.to_string().to_lowercase() == name
    };
    let exact: Vec<&LatencyTable> = tables.iter().filter(whole).collect();
    if let [one] = exact[..] {
        return Ok(one);
    }
    let matching: Vec<&LatencyTable> = tables.iter().filter(|table| matches(tables, &table.device, name)).collect();
    match matching[..] {
        [one] => Ok(one),
        [] => Err(DeviceError::Unknown { name: name.to_owned(), known: lines(tables.iter()) }),
        _ => Err(DeviceError::Ambiguous { name: name.to_owned(), matching: lines(matching.into_iter()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::synthetic::table;

    #[test]
    fn a_name_means_one_device_or_the_error_lists_them() {
        let mut tables = [table("Mali-G78", 1.0), table("Mali-G78AE", 1.0), table("Adreno 740", 1.0)];
        tables[2].device.precision = "f16".into();
        tables[2].device.features = vec!["f16".into(), "subgroups".into()];
        tables[0].device.features = vec!["f16".into()];
        let found = |name: &str| find_device(&tables, name).map(|table| table.device.adapter.as_str());
        for (name, adapter) in [
            ("adreno", "Adreno 740"),
            ("F16", "Adreno 740"),
            ("740 subgroup", "Adreno 740"),
            ("mali-g78", "Mali-G78"),
            ("g78ae", "Mali-G78AE"),
            (&tables[1].device.to_string(), "Mali-G78AE"),
        ] {
            assert_eq!(found(name).unwrap(), adapter);
        }
        let ambiguous = found("mali").unwrap_err().to_string();
        assert!(
            ambiguous.contains("Mali-G78 (") && ambiguous.contains("Mali-G78AE (") && !ambiguous.contains("Adreno")
        );
        let unknown = found("apple").unwrap_err();
        assert!(matches!(&unknown, DeviceError::Unknown { known, .. } if known.lines().count() == 3), "{unknown}");
        assert!(matches!(find_device(&[], "x"), Err(DeviceError::NoTables)));
    }
}
