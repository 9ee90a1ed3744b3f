use crate::engine::calibrate::plan::Pass;
use nestling_core::space::Network;

/// The work of a pass for one image, by which progress is measured: multiply-accumulate operations, and outputs.
fn work(network: &Network, pass: &Pass) -> f64 {
    let again = pass.base_from.iter().flat_map(|from| &from.residual).flat_map(|(_, layers)| layers);
    (pass.before.iter().chain(again).chain([&pass.layer]))
        .map(|&index| &network.layers[index].shape)
        .map(|shape| shape.madds() as f64 + 8.0 * shape.output.len() as f64)
        .sum()
}

/// The same of making the input tensor.
fn input_work(network: &Network) -> f64 {
    32.0 * network.input.len() as f64
}

/// Says how much is done.
pub(super) struct Progress<'a> {
    tell: Option<&'a (dyn Fn(f64) + Sync)>,
    done: f64,
    all: f64,
}

impl<'a> Progress<'a> {
    pub(super) fn new(
        tell: Option<&'a (dyn Fn(f64) + Sync)>,
        network: &Network,
        passes: &[Pass],
        images: usize,
    ) -> Self {
        let each = input_work(network) + passes.iter().map(|pass| work(network, pass)).sum::<f64>();
        Self { tell, done: 0.0, all: each * images as f64 }
    }

    /// One image was brought to the network's input.
    pub(super) fn input(&mut self, network: &Network) {
        self.add(input_work(network));
    }

    /// So many images went through a pass.
    pub(super) fn pass(&mut self, network: &Network, pass: &Pass, images: usize) {
        self.add(work(network, pass) * images as f64);
    }

    /// All is done; the sum may have missed that by a rounding.
    pub(super) fn end(&mut self) {
        self.done = self.all;
        self.add(0.0);
    }

    fn add(&mut self, work: f64) {
        self.done += work;
        if let Some(tell) = self.tell {
            tell((self.done / self.all).min(1.0));
        }
    }
}
