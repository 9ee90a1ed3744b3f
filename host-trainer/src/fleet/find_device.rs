use super::FleetError;
use nestling_core::latency::{DeviceKey, LatencyTable};

fn lines<'a>(tables: impl Iterator<Item = &'a LatencyTable>) -> String {
    tables.map(|table| table.device.to_string()).collect::<Vec<_>>().join("\n")
}

/// Whether each word of a name is part of a fact of the key, in any case.
///
/// A word that equals the precision of one of the tables means that precision: `f16` is also the name of a feature,
/// which an adapter may have without using it.
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

/// The table of the device that a name means.
///
/// A name is the adapter's whole name, the key as it is printed, or words that are parts of the key's facts.
///
/// # Errors
/// [`FleetError`] lists the devices if none or several match.
pub fn find_device<'a>(tables: &'a [LatencyTable], name: &str) -> Result<&'a LatencyTable, FleetError> {
    if tables.is_empty() {
        return Err(FleetError::NoTables);
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
        [] => Err(FleetError::UnknownDevice { name: name.to_owned(), known: lines(tables.iter()) }),
        _ => Err(FleetError::AmbiguousDevice { name: name.to_owned(), matching: lines(matching.into_iter()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::table;

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
        assert!(matches!(&unknown, FleetError::UnknownDevice { known, .. } if known.lines().count() == 3), "{unknown}");
        assert!(matches!(find_device(&[], "x"), Err(FleetError::NoTables)));
    }
}
