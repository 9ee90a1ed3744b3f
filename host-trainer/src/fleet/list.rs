use nestling_bundle::Bundle;
use nestling_core::latency::{DeviceKey, LatencyTable};
use nestling_core::metrics::Millis;
use nestling_core::space::Network;
use nestling_page::markup::utc_date;
use serde::Serialize;

/// A row of the list: one device of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceRow {
    /// The measured device.
    pub device: DeviceKey,
    /// Day of the measurement: `yyyy-mm-dd` (UTC).
    pub date: String,
    /// Children that were timed.
    pub children: u32,
    /// Mean relative error of the fit over them, in percent.
    pub residual_percent: f64,
    /// p95 over p50.
    pub spread_p95: f64,
    /// Predicted median of the shipped child with the fewest MAdds.
    pub smallest_ms: Millis,
    /// Predicted median of the shipped child with the most.
    pub biggest_ms: Millis,
}

/// One row for each device, in the bundle's order.
pub fn list(bundle: &Bundle) -> Vec<DeviceRow> {
    list_of(&bundle.manifest().latency_tables, bundle.networks())
}

fn list_of(tables: &[LatencyTable], networks: &[Network]) -> Vec<DeviceRow> {
    let madds = |network: &&Network| network.cost().madds;
    let (smallest, biggest) = (networks.iter().min_by_key(madds), networks.iter().max_by_key(madds));
    let row = |table: &LatencyTable| {
        let predicted = |network: Option<&Network>| network.map(|network| table.predict(network)).unwrap_or_default();
        DeviceRow {
            device: table.device.clone(),
            date: utc_date(table.measured_at),
            children: table.children,
            residual_percent: table.residual_percent,
            spread_p95: table.spread.p95,
            smallest_ms: predicted(smallest),
            biggest_ms: predicted(biggest),
        }
    };
    tables.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::table;
    use nestling_core::space::SearchSpace;

    #[test]
    fn the_smallest_and_the_biggest_are_by_madds_whatever_the_order() {
        let space = SearchSpace::fashion().validated().unwrap();
        let networks = [space.biggest(), space.smallest()].map(|child| space.lower(&child).unwrap());
        let tables = [table("a", 1.0), table("b", 9.0)];
        let rows = list_of(&tables, &networks);
        assert_eq!((rows.len(), rows[0].date.as_str(), rows[0].spread_p95), (2, "2025-01-01", 1.2));
        assert_eq!(rows[1].smallest_ms, tables[1].predict(&networks[1]));
        assert_eq!(rows[1].biggest_ms, tables[1].predict(&networks[0]));
    }
}
