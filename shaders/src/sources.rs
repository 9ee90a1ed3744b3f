//! Puts a kernel's module together: header, constants, the parts that kernels share, and the kernel's own text. That is
//! a file in `wgsl/` where a loop will do, and generated where registers must be named.

use crate::kernel::{Parameters, Source};
use crate::parameters::{flags, kinds};
use crate::writer::Writer;
use crate::{Kernel, Specialisation, epilogue};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::Activation;
use nestling_core::tiles::Tile;
use nestling_core::weights::WeightStorage;
use std::fmt;

/// The struct and the bindings of a network's layers.
const LAYER: &str = include_str!("../wgsl/layer.wgsl");
/// The struct of the resize, and its filter.
const RESIZE: &str = include_str!("../wgsl/resize.wgsl");
/// The loop of the resize's first pass, wherever pixels come from.
const COLUMNS: &str = include_str!("../wgsl/columns.wgsl");

impl Specialisation {
    /// The whole WGSL module of a kernel, for a storage of the weights.
    ///
    /// Browsers want `enable subgroups;` before a module that [broadcasts](Self::broadcast); naga does not know the
    /// directive yet.
    pub fn wgsl(&self, kernel: Kernel, storage: WeightStorage) -> String {
        let row = kernel.row();
        let mut to = Writer::default();
        write_header(self, kernel, storage, &mut to);
        to.line("");
        if self.arithmetic == Arithmetic::F16 {
            to.line("enable f16;");
            to.line("");
        }
        write_constants(self, row.parameters, &mut to);
        match row.parameters {
            Parameters::Layer => {
                to.lines(LAYER);
                to.line("");
                if row.reads_gate {
                    epilogue::write_gate(self.gate, &mut to);
                }
                if row.has_epilogue {
                    epilogue::write(self.epilogue, &mut to);
                }
                if row.reads_weights {
                    write_weight(storage, &mut to);
                }
            }
            Parameters::Resize => {
                to.lines(RESIZE);
                to.line("");
                if matches!(kernel, Kernel::ResizeColumns | Kernel::TextureColumns) {
                    to.lines(COLUMNS);
                    to.line("");
                }
            }
        }
        match row.source {
            Source::File(text) => to.lines(text),
            Source::Generated(text) => to.lines(&text(self)),
        }
        to.finish()
    }
}

/// The head of a module: which kernel it is, and what it is made for.
fn write_header(specialisation: &Specialisation, kernel: Kernel, storage: WeightStorage, to: &mut Writer) {
    let Specialisation { kernel: size, stride, workgroup, input_channels, rows, broadcast, .. } = *specialisation;
    let row = kernel.row();
    let mut fact = |name: &str, value: &dyn fmt::Display| to.comment(format_args!("{name:<12}{value}"));
    fact("kernel", &format_args!("{}, workgroups of {workgroup}", row.entry_point));
    match kernel {
        Kernel::Dense => {
            fact("window", &format_args!("{size}x{size} pixels of {input_channels} channels, stride {stride}"));
        }
        Kernel::Depthwise => {
            fact("window", &format_args!("{size}x{size} pixels, stride {stride}, {rows} rows a thread"))
        }
        Kernel::AveragePool => fact("window", &format_args!("{size}x{size} pixels, stride {stride}")),
        Kernel::Pointwise => {
            let Tile { pixels, groups } = specialisation.tile;
            let weights = if broadcast { "weights broadcast in the subgroup" } else { "weights from the buffer" };
            fact("tile", &format_args!("{pixels} pixels by {groups} groups of 4 output channels, {weights}"));
        }
        Kernel::PointwiseSmall
        | Kernel::LinearWide
        | Kernel::Pool
        | Kernel::PoolWide
        | Kernel::ResizeColumns
        | Kernel::TextureColumns
        | Kernel::ResizeRows
        | Kernel::Fallback
        | Kernel::ReadWeights
        | Kernel::Moments
        | Kernel::Normalise => {}
    }
    if row.has_epilogue {
        fact("epilogue", &specialisation.epilogue);
    }
    if row.reads_gate {
        fact("gate", &specialisation.gate);
    }
    if row.reads_weights {
        fact("weights", &storage);
        fact("products", &specialisation.arithmetic);
    }
}

fn write_constants(specialisation: &Specialisation, parameters: Parameters, to: &mut Writer) {
    let Specialisation { workgroup, kernel, stride, .. } = *specialisation;
    let constants: &[(&str, u32)] = match parameters {
        Parameters::Layer => &[
            ("WORKGROUP", workgroup),
            ("KERNEL", kernel),
            ("STRIDE", stride),
            ("STRIDE_MASK", flags::STRIDE_MASK),
            ("ACTIVATION_SHIFT", flags::ACTIVATION_SHIFT),
            ("ACTIVATION_MASK", flags::ACTIVATION_MASK),
            ("RESIDUAL_OUTPUT", flags::RESIDUAL_OUTPUT),
            ("GATED_INPUT", flags::GATED_INPUT),
            ("DEPTHWISE", flags::DEPTHWISE),
            ("IDENTITY", Activation::Identity.number()),
        ],
        Parameters::Resize => &[
            ("WORKGROUP", workgroup),
            ("WHOLE_PIXELS", kinds::WHOLE_PIXELS),
            ("THREE_BYTES", kinds::THREE_BYTES),
            ("LUMA", kinds::LUMA),
        ],
    };
    for (name, value) in constants {
        to.line(format_args!("const {name}: u32 = {value}u;"));
    }
    to.line("");
}

/// The function `weight`, by which every kernel reads the shared weights.
fn write_weight(storage: WeightStorage, to: &mut Writer) {
    let row = storage.row();
    to.line(format_args!("@group(0) @binding(1) var<storage, read> weights: array<{}>;", row.wgsl_element));
    to.line("");
    to.comment(format_args!("Four output channels' weights, stored as {}.", row.name));
    if row.has_scales {
        to.comment("Their scales are in the norms, which multiply every output channel anyway.");
    }
    to.block("fn weight(index: u32) -> vec4<f32>", |to| {
        to.line("let stored = weights[index];");
        to.line(format_args!("return {};", row.wgsl_numbers));
    });
    to.line("");
}
