//! The main table of BigNAS (its figure 3): published networks on ImageNet, with the cost of each by this project's own
//! model where a preset has its architecture.

use Architecture::{Nearest, OtherBlocks, Same, Unpublished};
use nestling_core::space::{Cost, Preset, SpaceError};
use serde::Serialize;

/// A row of the table. The figures are as printed there.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PublishedNetwork {
    /// Group of similar cost: `200M FLOPs` and so on.
    pub group: &'static str,
    /// Name of the network.
    pub family: &'static str,
    /// Published parameters in millions.
    pub params_millions: f64,
    /// Published multiply-adds (there called FLOPs) in millions.
    pub madds_millions: f64,
    /// Published top-1 accuracy on ImageNet in percent.
    pub top1: f64,
    /// Source of the architecture.
    pub architecture: Architecture,
    /// Why our figures differ from the published ones, where they do.
    pub note: Option<&'static str>,
}

/// The source of a published network's architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// This preset has the same.
    Same(&'static str),
    /// The network was not published; this preset is the nearest one that was.
    Nearest(&'static str),
    /// Its architecture was not published.
    Unpublished,
    /// It is published, but is no network of inverted residuals.
    OtherBlocks,
}

impl PublishedNetwork {
    /// The cost of the preset with its architecture, or with the nearest one.
    ///
    /// # Errors
    /// [`SpaceError`] if the preset is broken.
    pub fn computed(&self) -> Result<Option<Cost>, SpaceError> {
        let (Architecture::Same(name) | Architecture::Nearest(name)) = self.architecture else { return Ok(None) };
        let Some(preset) = Preset::find(name) else { return Ok(None) };
        let space = preset.space().validated()?;
        Ok(Some(space.lower(&space.smallest())?.cost()))
    }

    /// All rows, in the table's order.
    pub const ALL: &'static [Self] = &[
        row(SMALL, "MobileNetV1 0.5x", [1.3, 150.0, 63.3], Same("mobilenet-v1-0.5x"), ""),
        row(SMALL, "MobileNetV2 0.75x", [2.6, 209.0, 69.8], Same("mobilenet-v2-0.75x"), ""),
        row(SMALL, "AutoSlim-MobileNetV2", [4.1, 207.0, 73.0], Same("autoslim-mobilenet-v2"), ""),
        row(SMALL, "MobileNetV3 1.0x", [5.4, 219.0, 75.2], Same("mobilenet-v3-large-1.0x"), ""),
        row(SMALL, "MNasNet A1", [3.9, 315.0, 75.2], Same("mnasnet-a1"), ""),
        row(SMALL, "Once-For-All", [4.4, 327.0, 75.0], Nearest("once-for-all-1080ti-22ms"), OTHER_CHILD),
        row(SMALL, "Once-For-All, fine-tuned", [4.4, 327.0, 75.3], Nearest("once-for-all-1080ti-22ms"), OTHER_CHILD),
        row(SMALL, "BigNASModel-S", [4.5, 242.0, 76.5], Unpublished, ""),
        row(MIDDLE, "NASNet B", [5.3, 488.0, 72.8], OtherBlocks, ""),
        row(MIDDLE, "MobileNetV2 1.3x", [5.3, 509.0, 74.4], Same("mobilenet-v2-1.3x"), ""),
        row(MIDDLE, "MobileNetV3 1.25x", [8.1, 350.0, 76.6], Same("mobilenet-v3-large-1.25x"), ""),
        row(MIDDLE, "MNasNet A3", [5.2, 403.0, 76.7], Unpublished, ""),
        row(MIDDLE, "EfficientNet B0", [5.3, 390.0, 77.3], Same("efficientnet-b0"), ""),
        row(MIDDLE, "BigNASModel-M", [5.5, 418.0, 78.9], Unpublished, ""),
        row(LARGE, "MobileNetV1 1.0x", [4.2, 569.0, 70.9], Same("mobilenet-v1-1.0x"), ""),
        row(LARGE, "NASNet A", [5.3, 564.0, 64.0], OtherBlocks, "its own paper reports a top-1 accuracy of 74.0 %"),
        row(LARGE, "DARTS", [4.9, 595.0, 73.1], OtherBlocks, ""),
        row(LARGE, "EfficientNet B1", [7.8, 734.0, 79.2], Same("efficientnet-b1"), WITH_ELEMENTWISE),
        row(LARGE, "BigNASModel-L", [6.4, 586.0, 79.5], Unpublished, ""),
        row(HUGE, "EfficientNet B2", [9.2, 1050.0, 80.3], Same("efficientnet-b2"), WITH_ELEMENTWISE),
        row(HUGE, "BigNASModel-XL", [9.5, 1040.0, 80.9], Unpublished, ""),
    ];
}

const SMALL: &str = "200M FLOPs";
const MIDDLE: &str = "400M FLOPs";
const LARGE: &str = "600M FLOPs";
const HUGE: &str = "1000M FLOPs";

const OTHER_CHILD: &str = "the authors published other children only: this one has 5.2 M parameters and 313 M MAdds, and 75.3 % after fine-tuning";
const WITH_ELEMENTWISE: &str = "the published count includes batch norm, swish, gates, additions and pools; ours is multiply-adds of convolutions and matrices";

/// A row; `figures` are millions of parameters, millions of multiply-adds and top-1 accuracy.
const fn row(
    group: &'static str,
    family: &'static str,
    [params_millions, madds_millions, top1]: [f64; 3],
    architecture: Architecture,
    note: &'static str,
) -> PublishedNetwork {
    let note = if note.is_empty() { None } else { Some(note) };
    PublishedNetwork { group, family, params_millions, madds_millions, top1, architecture, note }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our figures are within two percent of the printed ones, or round to them, unless the row's note explains more.
    #[test]
    fn our_model_computes_the_published_costs() {
        let explained = [
            ("Once-For-All", [0.19, 0.05]),
            ("Once-For-All, fine-tuned", [0.19, 0.05]),
            ("EfficientNet B1", [0.02, 0.07]),
            ("EfficientNet B2", [0.02, 0.06]),
        ];
        let mut computed = 0;
        for network in PublishedNetwork::ALL {
            let Some(cost) = network.computed().unwrap() else { continue };
            computed += 1;
            let wider = explained.iter().find(|(family, _)| *family == network.family);
            let [params, madds] = wider.map_or([0.02, 0.02], |(_, tolerances)| *tolerances);
            let (own_params, own_madds) = (cost.params as f64 / 1e6, cost.madds.millions());
            let off = |own: f64, printed: f64| (own - printed).abs();
            let family = network.family;
            let tolerance = (params * network.params_millions).max(0.05);
            assert!(off(own_params, network.params_millions) <= tolerance, "{family}: {own_params} M parameters");
            assert!(
                off(own_madds, network.madds_millions) <= madds * network.madds_millions,
                "{family}: {own_madds} M"
            );
            assert_eq!(wider.is_some(), network.note.is_some(), "{family}: a note says why figures differ");
            if wider.is_some() {
                assert!(off(own_madds, network.madds_millions) > 0.02 * network.madds_millions, "{family}: no need");
            }
        }
        assert_eq!((computed, PublishedNetwork::ALL.len()), (13, 21));
    }

    #[test]
    fn every_preset_of_the_table_exists_and_groups_are_in_order() {
        for network in PublishedNetwork::ALL {
            if let Architecture::Same(name) | Architecture::Nearest(name) = network.architecture {
                assert!(Preset::find(name).is_some(), "{name}");
            }
        }
        let mut groups: Vec<&str> = PublishedNetwork::ALL.iter().map(|network| network.group).collect();
        groups.dedup();
        assert_eq!(groups, [SMALL, MIDDLE, LARGE, HUGE]);
    }
}
