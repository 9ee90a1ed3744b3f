//! Layers whose answers are known.

use crate::engine::plan::shape_parameters;
use crate::engine::resources::Common;
use crate::engine::trial::values::{Values, factors, pixels, weight_stride, weights};
use crate::gpu::{BindGroup, Buffer, Context, Fault, Upload};
use nestling_core::space::{Activation, LayerShape, Operator, Shape};
use nestling_core::weights::{StorageRow, WeightStorage};
use nestling_shaders::{Epilogue, Gate, Kernel, LayerParameters, PARAMETER_BYTES, Specialisation};

/// How far one rounding to 16 bits is off, as a share of the result: WGSL lets it go to either neighbour. To the nearest,
/// as most adapters round, it is half of that.
const HALF: f64 = 1.0 / 1024.0;
/// The same of 32 bits.
const SINGLE: f64 = 1.0 / (1 << 23) as f64;
/// Batch norm and activation in 32 bits, of values up to 3; a WGSL `exp` may be off by some ten units in the last place.
const EPILOGUE: f64 = 1.0 / (1 << 16) as f64;
/// Elements behind an output that must stay as they are.
pub(super) const GUARD: usize = 4;

/// A layer, and what it must answer.
pub(super) struct Golden {
    kernel: Kernel,
    pub(super) shape: LayerShape,
    values: Values,
    parameters: LayerParameters,
    source: Vec<[f32; 4]>,
    /// As the kernel reads them.
    weights: Vec<[f32; 4]>,
    storage: WeightStorage,
    norms: [[f32; 4]; 2],
    /// In the order of the destination.
    pub(super) answers: Vec<Answer>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    value: f64,
    tolerance: f64,
}

impl Golden {
    /// One pixel and many, sizes that no tile divides, and sums that 16 bits cannot hold.
    pub(super) fn all(
        kernel: Kernel,
        specialisation: &Specialisation,
        storage: WeightStorage,
    ) -> impl Iterator<Item = Self> + use<> {
        use Values::{Any, Large, Swamped};
        let Specialisation { tile, workgroup, rows, stride, .. } = *specialisation;
        // Rows, columns, groups of inputs and of outputs.
        let shapes = if kernel == Kernel::Depthwise {
            [
                (1, 1, 1, 1, Any),
                (7, 5, 3, 3, Any),
                (rows * stride + 3, 9, 2, 2, Any),
                (9, 6, 1, 1, Swamped),
                (9, 6, 1, 1, Large),
            ]
        } else {
            [
                (1, 1, 1, 1, Any),
                (13, 1, 5, 3, Any),
                (workgroup * tile.pixels + 3, 1, 3, tile.groups + 1, Any),
                (5, 1, 256, 1, Swamped), // 1,024 products
                (5, 1, 256, tile.groups, Large),
            ]
        };
        let specialisation = *specialisation;
        shapes.into_iter().map(move |(height, width, inputs, outputs, values)| {
            let input = Shape { channels: 4 * inputs, height, width };
            Self::new(kernel, &specialisation, storage, input, 4 * outputs, values)
        })
    }

    fn new(
        kernel: Kernel,
        specialisation: &Specialisation,
        storage: WeightStorage,
        input: Shape,
        outputs: u32,
        values: Values,
    ) -> Self {
        let shape = shape(kernel, specialisation, input, outputs);
        let mut source = pixels(&shape, values);
        let gate_offset = source.len() as u32;
        source.extend(factors(&shape, values));
        let parameters = LayerParameters {
            weight_stride: weight_stride(&shape),
            padding: padding(shape.kernel),
            gate_offset,
            ..shape_parameters(&shape)
        };
        let weights = weights(&shape, values, storage);
        let norms = [[1.0; 4]; 2];
        let answers = Vec::new();
        let mut golden = Self { kernel, shape, values, parameters, source, weights, storage, norms, answers };
        let sums: Vec<Vec<[f32; 2]>> = golden.terms();
        golden.answer(&sums);
        golden
    }

    /// Scales the sums to values from 0 to 3, where every activation still tells them apart, and notes what comes of it.
    fn answer(&mut self, terms: &[Vec<[f32; 2]>]) {
        let products = |terms: &Vec<[f32; 2]>| -> Vec<f64> {
            terms.iter().map(|&[weight, value]| f64::from(weight) * f64::from(value)).collect()
        };
        let sums: Vec<(f64, f64, usize)> = (terms.iter().map(products))
            .map(|all| (all.iter().sum(), all.iter().map(|one| one.abs()).sum(), all.len()))
            .collect();
        let largest = sums.iter().fold(0.0, |most: f64, (sum, ..)| most.max(sum.abs()));
        let (scale, shift) = ((1.5 / largest) as f32, 1.5);
        self.norms = [[scale; 4], [shift; 4]];
        let roundings = match (self.values, self.kernel) {
            // These values are made to be exact.
            (Values::Swamped | Values::Large, _) => 0.0,
            // Weight, value and product.
            (Values::Any, Kernel::Depthwise) => 3.0,
            // And three additions.
            (Values::Any, _) => 6.0,
        };
        let activation = self.shape.activation;
        self.answers = (sums.into_iter())
            .map(|(sum, magnitude, length)| {
                let error = (roundings * HALF + length as f64 * SINGLE) * magnitude * f64::from(scale);
                let value = activation.forward(sum * f64::from(scale) + f64::from(shift));
                Answer { value, tolerance: activation.row().max_slope * error + EPILOGUE }
            })
            .collect();
    }

    /// Weight and value, gate included, of every product of every output.
    fn terms(&self) -> Vec<Vec<[f32; 2]>> {
        let LayerShape { input, output, kernel: size, stride, gated, .. } = self.shape;
        let gate = |channel: usize| {
            let factor = self.source[self.parameters.gate_offset as usize + channel / 4][channel % 4];
            if gated { factor } else { 1.0 }
        };
        let at = |channel: usize, row: usize, column: usize| {
            let pixel = row * input.width as usize + column;
            self.source[channel / 4 * input.pixels() as usize + pixel][channel % 4]
        };
        let row_of_weights = self.parameters.weight_stride as usize;
        let depthwise = self.kernel == Kernel::Depthwise;
        let mut all = Vec::with_capacity(output.len());
        for group in 0..output.channels as usize / 4 {
            for pixel in 0..output.pixels() as usize {
                let (row, column) = (pixel / output.width as usize, pixel % output.width as usize);
                for lane in 0..4 {
                    let weight = |index: usize| self.weights[group * row_of_weights + index][lane];
                    if !depthwise {
                        let product = |channel: usize| [weight(channel), at(channel, row, column) * gate(channel)];
                        all.push((0..input.channels as usize).map(product).collect());
                        continue;
                    }
                    let taps = (0..size * size).filter_map(|tap| {
                        let padding = self.parameters.padding;
                        let row = (row as u32 * stride + tap / size).checked_sub(padding)?;
                        let column = (column as u32 * stride + tap % size).checked_sub(padding)?;
                        let inside = row < input.height && column < input.width;
                        inside.then(|| [weight(tap as usize), at(4 * group + lane, row as usize, column as usize)])
                    });
                    all.push(taps.collect());
                }
            }
        }
        all
    }

    /// The layer on the GPU, bound as every kernel's is, with a destination that holds NaN.
    pub(super) fn buffers(&self, context: &Context, common: &Common, bytes: u64) -> (BindGroup, Buffer) {
        use wgpu::BufferUsages as Usage;
        let filled = |label: &str, bytes: &[u8], usage: Usage| {
            let buffer = context.buffer(label, bytes.len() as u64, usage | Usage::COPY_DST);
            context.upload(Upload::Parameters, &buffer, 0, bytes);
            buffer
        };
        let values = self.weights.as_flattened();
        let StorageRow { bits, bytes: stored_bytes, .. } = *self.storage.row();
        let stored: Vec<u8> =
            values.iter().flat_map(|&value| bits(value).to_le_bytes().into_iter().take(stored_bytes)).collect();
        let mut parameters = vec![0; PARAMETER_BYTES as usize];
        parameters[..size_of::<LayerParameters>()].copy_from_slice(bytemuck::bytes_of(&self.parameters));
        let poison = vec![f32::NAN; bytes as usize / 4];
        let bound = [
            filled("source", bytemuck::cast_slice(&self.source), Usage::STORAGE),
            filled("weights", &stored, Usage::STORAGE),
            filled("norms", bytemuck::cast_slice(&self.all_norms()), Usage::STORAGE),
            filled("destination", bytemuck::cast_slice(&poison), Usage::STORAGE | Usage::COPY_SRC),
            filled("parameters", &parameters, Usage::UNIFORM),
        ];
        let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
            .zip(&bound)
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let group = context.bind_group("self-test", &common.groups, &entries);
        let [_, _, _, destination, _] = bound;
        (group, destination)
    }

    /// A scale and a shift for each group.
    fn all_norms(&self) -> Vec<[f32; 4]> {
        self.norms.repeat(self.shape.output.channels as usize / 4)
    }

    /// The first output that is not its answer, or what was written behind the last.
    pub(super) fn compare(&self, read: &[f32]) -> Option<Fault> {
        let Self { shape, values, answers, .. } = self;
        let Some((own, behind)) = read.split_at_checked(answers.len()) else {
            return Some(Fault { found: format!("{} values", read.len()), expected: answers.len().to_string() });
        };
        for (index, (answer, read)) in answers.iter().zip(own).enumerate() {
            let difference = (f64::from(*read) - answer.value).abs();
            if difference.is_nan() || difference > answer.tolerance {
                let found = format!("{read:e} in value {index} of `{shape}` ({values:?})");
                return Some(Fault { found, expected: format!("{:e} within {:e}", answer.value, answer.tolerance) });
            }
        }
        let written = behind.iter().find(|value| !value.is_nan())?;
        let found = format!("{written:e} behind the output of `{shape}`");
        Some(Fault { found, expected: "nothing written there".to_owned() })
    }
}

/// Zeros on each side of the image.
fn padding(size: u32) -> u32 {
    (size - 1) / 2
}

/// The layer that a pipeline is specialised to.
fn shape(kernel: Kernel, specialisation: &Specialisation, input: Shape, outputs: u32) -> LayerShape {
    let Specialisation { kernel: size, stride, .. } = *specialisation;
    let out = |length: u32| (length + 2 * padding(size) - size) / stride + 1;
    let output = Shape { channels: outputs, height: out(input.height), width: out(input.width) };
    let activation = match specialisation.epilogue {
        Epilogue::Fixed(activation) => activation,
        // As the layer says, and it says that it has none.
        Epilogue::Mixed(_) | Epilogue::AsLayer => Activation::Identity,
    };
    let gated = specialisation.gate != Gate::None;
    let operator = if kernel == Kernel::Depthwise { Operator::Depthwise } else { Operator::Pointwise };
    LayerShape { operator, kernel: size, stride, activation, residual: false, gated, input, output }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::{Planner, Traits, vendor_tiles};
    use crate::gpu::Vendor;
    use half::f16;
    use nestling_core::arithmetic::Arithmetic;
    use nestling_core::space::SearchSpace;

    /// Every layer of the test of a vendor's pipelines, of each storage.
    fn goldens() -> impl Iterator<Item = Golden> {
        let space = SearchSpace::table1().validated().unwrap();
        let wanted = [Vendor::Software, Vendor::Mali, Vendor::PowerVr].into_iter().flat_map(move |vendor| {
            let tiles = vendor_tiles(vendor, false);
            let traits = Traits { software: vendor == Vendor::Software, tiles, arithmetic: Arithmetic::F16 };
            Planner::new(&space, traits).all_pipelines(&space)
        });
        let halves = wanted.filter(|(_, one)| one.arithmetic == Arithmetic::F16);
        halves.flat_map(|(kernel, specialisation)| {
            WeightStorage::ALL
                .into_iter()
                .flat_map(move |storage| Golden::all(kernel, &specialisation, storage).collect::<Vec<_>>())
        })
    }

    fn half(value: f32) -> f32 {
        f16::from_f32(value).to_f32()
    }

    /// The answer of an adapter that adds the products of `together` terms in 16 bits, and such sums as `add` does.
    fn answered(golden: &Golden, together: usize, add: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let [[scale, ..], [shift, ..]] = golden.norms;
        let sum = |terms: &Vec<[f32; 2]>| {
            terms.chunks(together).fold(0.0, |sum, terms| {
                let products = terms.iter().map(|&[weight, value]| half(half(weight) * half(value)));
                add(sum, products.fold(0.0, |sum, product| half(sum + product)))
            })
        };
        let epilogue = |sum: f32| golden.shape.activation.forward(f64::from(sum * scale + shift)) as f32;
        let mut values: Vec<f32> = golden.terms().iter().map(|terms| epilogue(sum(terms))).collect();
        values.extend([f32::NAN; 4 * GUARD]);
        values
    }

    fn together(golden: &Golden) -> usize {
        if golden.kernel == Kernel::Depthwise { 1 } else { 4 }
    }

    #[test]
    fn right_adapters_pass_and_sums_in_16_bits_do_not() {
        let mut found = [0; 3];
        for golden in goldens() {
            let together = together(&golden);
            assert_eq!(golden.compare(&answered(&golden, together, |a, b| a + b)), None);
            // An adapter that computes everything in 32 bits is right too.
            let [[scale, ..], [shift, ..]] = golden.norms;
            let exact = |terms: &Vec<[f32; 2]>| terms.iter().map(|[weight, value]| weight * value).sum::<f32>();
            let epilogue = |sum: f32| golden.shape.activation.forward(f64::from(sum * scale + shift)) as f32;
            let mut whole: Vec<f32> = golden.terms().iter().map(|terms| epilogue(exact(terms))).collect();
            whole.extend([f32::NAN; 4 * GUARD]);
            assert_eq!(golden.compare(&whole), None);

            let fault = golden.compare(&answered(&golden, together, |a, b| half(a + b)));
            found[golden.values as usize] += u32::from(fault.is_some());
            let summed = golden.terms().iter().any(|terms| terms.len() > together);
            if golden.values == Values::Large && summed {
                assert!(fault.is_some_and(|fault| fault.expected.contains("within")), "{}", golden.shape);
            }
        }
        assert!(found[Values::Swamped as usize] > 0 && found[Values::Large as usize] > 0, "{found:?}");
    }

    #[test]
    fn small_products_behind_a_large_one_must_not_be_lost() {
        for golden in goldens().filter(|golden| golden.values == Values::Swamped && golden.shape.kernel != 1) {
            let fault = golden.compare(&answered(&golden, together(&golden), |a, b| half(a + b)));
            assert!(fault.is_some(), "{}", golden.shape);
        }
        let pointwise = goldens().find(|one| one.values == Values::Swamped && one.kernel == Kernel::Pointwise).unwrap();
        let fault = pointwise.compare(&answered(&pointwise, 4, |a, b| half(a + b))).unwrap();
        assert!(fault.found.contains("Swamped"), "{fault:?}");
    }

    #[test]
    fn what_is_wrong_missing_or_beside_the_output_is_found() {
        for golden in goldens().filter(|golden| golden.values == Values::Any).step_by(7) {
            let right = answered(&golden, together(&golden), |a, b| a + b);
            let outputs = golden.answers.len();
            let edit = |index: usize, value: f32| {
                let mut values = right.clone();
                values[index] = value;
                golden.compare(&values)
            };
            let fault = edit(outputs - 1, f32::NAN).unwrap();
            assert!(fault.found.contains(&format!("NaN in value {}", outputs - 1)), "{fault:?}");
            assert!(edit(0, f32::INFINITY).is_some());
            let Answer { value, tolerance } = golden.answers[outputs / 2];
            assert!(edit(outputs / 2, (value + 1.01 * tolerance) as f32).is_some());
            assert!(edit(outputs / 2, (value - 0.99 * tolerance) as f32).is_none());
            assert!(edit(outputs, 0.0).unwrap().found.contains("behind the output"));
            assert!(golden.compare(&right[..outputs - 1]).is_some());
            assert!(tolerance < 0.25, "{}: {tolerance} of values from 0 to 3", golden.shape);
        }
    }
}
