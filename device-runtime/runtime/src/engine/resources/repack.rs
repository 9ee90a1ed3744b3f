use crate::Error;
use nestling_core::room;
use nestling_core::space::{Convolution, ParameterLayout, Role};
use nestling_core::weights::{QuantisedWeights, WeightStorage, halves_of, quantise_one};

/// Where a convolution's weight is in the packed vector, in elements of four values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Packed {
    pub(in crate::engine) offset: u32,
    /// From one group of output channels to the next.
    pub(in crate::engine) stride: u32,
}

/// All convolutions' weights in the kernels' order: a group of four output channels is one element, so that a child's
/// first channels are a prefix of every axis.
///
/// | operator | elements |
/// | --- | --- |
/// | pointwise, linear | `[output group][input channel, padded to 4]` |
/// | depthwise | `[group][row][column]` |
/// | dense | `[output group][row][column][input channel, padded to 4]` |
pub(in crate::engine) struct PackedWeights {
    pub(in crate::engine) convolutions: Vec<Packed>,
    pub(in crate::engine) host: HostValues,
}

/// Shared values that stay on the host: a child's statistics are folded into them.
#[derive(Debug)]
pub(in crate::engine) struct HostValues {
    /// The quantisation scale of each convolution's output channels; empty where a weight is stored as itself.
    pub(in crate::engine) scales: Vec<Vec<f32>>,
    /// Gamma and beta, or the bias, of each convolution.
    pub(in crate::engine) norms: Vec<(Vec<f32>, Vec<f32>)>,
}

/// Elements of one convolution as they are stored.
enum Values {
    F32(Vec<[f32; 4]>),
    /// Bits of 16-bit floats.
    F16(Vec<[u16; 4]>),
    Int8(Vec<[i8; 4]>),
}

impl Values {
    fn new(storage: WeightStorage) -> Self {
        match storage {
            WeightStorage::F32 => Self::F32(Vec::new()),
            WeightStorage::F16 => Self::F16(Vec::new()),
            WeightStorage::Int8 => Self::Int8(Vec::new()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytemuck::cast_slice(values),
            Self::F16(values) => bytemuck::cast_slice(values),
            Self::Int8(values) => bytemuck::cast_slice(values),
        }
    }

    /// Rounds and arranges one convolution's weights, in place of those that were here. Returns the scales of its
    /// output channels if the storage has any.
    fn put(&mut self, convolution: &Convolution, weights: &[f32]) -> Result<Vec<f32>, Error> {
        let length = stride(convolution) as usize * convolution.outputs.div_ceil(4) as usize;
        match self {
            Self::F32(values) => arrange(convolution, weights, zeros(values, length)?),
            Self::F16(values) => {
                let mut codes = Vec::new();
                room::reserve(&mut codes, weights.len())?;
                halves_of(convolution, weights, &mut codes)?;
                arrange(convolution, &codes, zeros(values, length)?);
            }
            Self::Int8(values) => {
                let mut own = QuantisedWeights { codes: Vec::new(), scales: Vec::new() };
                room::reserve(&mut own.codes, weights.len())?;
                room::reserve(&mut own.scales, convolution.outputs as usize)?;
                quantise_one(convolution, weights, &mut own)?;
                arrange(convolution, &own.codes, zeros(values, length)?);
                return Ok(own.scales);
            }
        }
        Ok(Vec::new())
    }
}

fn zeros<T: bytemuck::Zeroable + Copy>(values: &mut Vec<[T; 4]>, length: usize) -> Result<&mut [[T; 4]], Error> {
    values.clear();
    room::grow(values, length, [T::zeroed(); 4])?;
    Ok(values)
}

/// Elements of one group of output channels.
fn stride(convolution: &Convolution) -> u64 {
    let inputs = u64::from(convolution.inputs.next_multiple_of(4));
    let area = u64::from(convolution.kernel * convolution.kernel);
    if convolution.operator.is_per_channel() { area } else { inputs * area }
}

/// Bytes that the shared weights of a supernet take on the GPU.
pub fn weight_bytes(layout: &ParameterLayout, storage: WeightStorage) -> u64 {
    packed_len(layout) * 4 * storage.bytes() as u64
}

/// Elements of all weights together.
fn packed_len(layout: &ParameterLayout) -> u64 {
    layout.convolutions.iter().map(|one| stride(one) * u64::from(one.outputs.div_ceil(4))).sum()
}

/// Takes the values of one tensor: its index among the parameters, and its values.
pub type PutTensor<'a> = &'a mut dyn FnMut(usize, &[f32]) -> Result<(), Error>;

/// Shared tensors that come one after the other, in any order.
pub trait WeightSource: Sync {
    /// Values of all tensors together.
    fn count(&self) -> usize;

    /// Gives each tensor of the layout once: its index among the parameters, and its values.
    ///
    /// # Errors
    /// [`Error`] if a tensor cannot be read, and those of `put`.
    fn visit(&self, layout: &ParameterLayout, put: PutTensor<'_>) -> Result<(), Error>;
}

/// The flat vector of all parameters.
impl WeightSource for [f32] {
    fn count(&self) -> usize {
        self.len()
    }

    fn visit(&self, layout: &ParameterLayout, put: PutTensor<'_>) -> Result<(), Error> {
        layout.parameters.iter().enumerate().try_for_each(|(index, parameter)| put(index, &self[parameter.range()]))
    }
}

/// Packs all parameters, which must fit `layout`; channels beyond the last are zero. `send` gets the packed vector piece
/// by piece, a convolution's weights each, with the byte of the vector at which they begin: it is never in memory as a
/// whole.
pub(in crate::engine) fn pack(
    layout: &ParameterLayout,
    parameters: &(impl WeightSource + ?Sized),
    storage: WeightStorage,
    mut send: impl FnMut(u64, &[u8]),
) -> Result<PackedWeights, Error> {
    let mut convolutions = Vec::with_capacity(layout.convolutions.len());
    let mut offset = 0;
    for convolution in &layout.convolutions {
        let stride = stride(convolution) as u32;
        convolutions.push(Packed { offset, stride });
        offset += stride * convolution.outputs.div_ceil(4);
    }
    let count = layout.convolutions.len();
    let mut host = HostValues { scales: vec![Vec::new(); count], norms: vec![(Vec::new(), Vec::new()); count] };
    let (owners, mut piece) = (layout.owners(), Values::new(storage));
    parameters.visit(layout, &mut |index, values| {
        let owner = owners[index];
        match layout.parameters[index].role {
            Role::Weight => {
                host.scales[owner] = piece.put(&layout.convolutions[owner], values)?;
                send(u64::from(convolutions[owner].offset) * 4 * storage.bytes() as u64, piece.bytes());
            }
            Role::Gamma | Role::Bias => host.norms[owner].0 = room::copied(values)?,
            Role::Beta => host.norms[owner].1 = room::copied(values)?,
        }
        Ok(())
    })?;
    Ok(PackedWeights { convolutions, host })
}

/// The same with the whole packed vector, as bytes.
pub(in crate::engine) fn pack_whole(
    layout: &ParameterLayout,
    parameters: &(impl WeightSource + ?Sized),
    storage: WeightStorage,
) -> Result<(PackedWeights, Vec<u8>), Error> {
    let mut bytes = room::filled(0, weight_bytes(layout, storage) as usize)?;
    let packed = pack(layout, parameters, storage, |start, piece| {
        bytes[start as usize..][..piece.len()].copy_from_slice(piece);
    })?;
    Ok((packed, bytes))
}

/// A convolution's weights in the kernels' order, into elements that are zero.
fn arrange<T: Copy>(convolution: &Convolution, weight: &[T], elements: &mut [[T; 4]]) {
    let outputs = convolution.outputs as usize;
    let area = (convolution.kernel * convolution.kernel) as usize;
    let columns = convolution.operator.channels_read(convolution.inputs) as usize;
    let padded = if convolution.operator.is_per_channel() { 1 } else { columns.next_multiple_of(4) };
    for (group, elements) in elements.chunks_exact_mut(area * padded).enumerate() {
        if area == 1 && columns > 1 && 4 * group + 4 <= outputs {
            // Nearly all weights: four whole rows side by side.
            let row = |lane: usize| &weight[(4 * group + lane) * columns..(4 * group + lane + 1) * columns];
            let lanes = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3));
            for (element, (((&a, &b), &c), &d)) in elements.iter_mut().zip(lanes) {
                *element = [a, b, c, d];
            }
            continue;
        }
        for (position, elements) in elements.chunks_exact_mut(padded).enumerate() {
            for (column, element) in elements.iter_mut().enumerate().take(columns) {
                for (output, lane) in (4 * group..outputs).zip(element) {
                    *lane = weight[(output * columns + column) * area + position];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::{Operator, SearchSpace};

    fn numbered(layout: &ParameterLayout) -> (Vec<f32>, Vec<[f32; 4]>, Vec<Packed>) {
        let parameters: Vec<f32> = (0..layout.len()).map(|index| index as f32 + 1.0).collect();
        let (packed, bytes) = pack_whole(layout, parameters.as_slice(), WeightStorage::F32).unwrap();
        (parameters, bytemuck::pod_collect_to_vec(&bytes), packed.convolutions)
    }

    #[test]
    fn every_weight_has_one_place() {
        for space in [SearchSpace::fashion(), SearchSpace { classes: 10, ..SearchSpace::table1() }] {
            let layout = space.validated().unwrap().layout().clone();
            let (_, values, _) = numbered(&layout);
            assert_eq!(values.len() as u64, packed_len(&layout));
            let mut found: Vec<u32> = values.iter().flatten().filter(|&&v| v != 0.0).map(|&v| v as u32).collect();
            found.sort_unstable();
            let weights: Vec<u32> = (layout.convolutions.iter())
                .flat_map(|convolution| layout.parameters[convolution.weight].range())
                .map(|index| index as u32 + 1)
                .collect();
            assert_eq!(found, weights);
        }
    }

    #[test]
    fn a_pointwise_weight_is_where_the_kernel_looks() {
        let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
        let (parameters, values, convolutions) = numbered(&layout);
        let index = layout.convolutions.iter().position(|one| one.operator == Operator::Pointwise).unwrap();
        let (convolution, place) = (&layout.convolutions[index], convolutions[index]);
        let weight = &parameters[layout.parameters[convolution.weight].range()];
        let (output, input) = (7u32, 5u32);
        let element = values[(place.offset + output / 4 * place.stride + input) as usize];
        assert_eq!(element[(output % 4) as usize], weight[(output * convolution.inputs + input) as usize]);
    }

    #[test]
    fn a_scale_spans_the_row_and_a_row_of_zeros_stays_zero() {
        let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
        let mut parameters = vec![0.0; layout.len()];
        let index = layout.convolutions.iter().position(|one| one.operator == Operator::Pointwise).unwrap();
        let first = layout.parameters[layout.convolutions[index].weight].offset;
        let row = layout.convolutions[index].inputs as usize;
        parameters[first..first + 4].copy_from_slice(&[0.5, -2.54, 0.03, 0.05]);
        parameters[first + 2 * row] = -1e30;
        let (packed, bytes) = pack_whole(&layout, parameters.as_slice(), WeightStorage::Int8).unwrap();
        let scales = &packed.host.scales[index];
        assert!(
            (scales[0] - 0.02).abs() < 1e-8 && scales[1] == 0.0 && (scales[2] * 127e-30 - 1.0).abs() < 1e-6,
            "{scales:?}"
        );
        let values: Vec<[i8; 4]> = bytemuck::pod_collect_to_vec(&bytes);
        let place = packed.convolutions[index].offset as usize;
        assert_eq!(values[place..place + 4], [[25, 0, -127, 0], [-127, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0]]);
    }

    #[test]
    fn halves_are_the_nearest_and_what_has_none_is_named() {
        let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
        let mut parameters = vec![0.0; layout.len()];
        let stem = layout.parameters[layout.convolutions[0].weight].offset;
        // The tie above one goes to the even one; then the largest that rounds to something finite.
        parameters[stem..stem + 2].copy_from_slice(&[1.0 + 1.0 / 2048.0, 65_519.0]);
        let (_, bytes) = pack_whole(&layout, parameters.as_slice(), WeightStorage::F16).unwrap();
        let values: Vec<[u16; 4]> = bytemuck::pod_collect_to_vec(&bytes);
        assert!(values.iter().flatten().any(|&bits| bits == 0x3c00) && values.iter().flatten().any(|&b| b == 0x7bff));
        let layer = &layout.convolutions[3];
        for (storage, value) in [
            (WeightStorage::F16, 65_520.0),
            (WeightStorage::F16, f32::NAN),
            (WeightStorage::Int8, f32::NAN),
            (WeightStorage::Int8, f32::INFINITY),
        ] {
            parameters[layout.parameters[layer.weight].offset + 1] = value;
            let error = pack_whole(&layout, parameters.as_slice(), storage).err().unwrap();
            let (layer, value) = (layer.name.to_string(), value.to_string());
            let Error::WeightRange(error) = error else { panic!("{error}") };
            let expected = nestling_core::weights::OutOfRange { layer, value, storage };
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn packing_what_a_storage_gives_back_gives_the_same_bytes() {
        let layout = SearchSpace::fashion().validated().unwrap().layout().clone();
        let parameters: Vec<f32> = (0..layout.len()).map(|index| (index as f32 * 0.7).sin() / 3.0).collect();
        for storage in WeightStorage::ALL {
            let (once, bytes) = pack_whole(&layout, parameters.as_slice(), storage).unwrap();
            let rounded = storage.round(&layout, &parameters).unwrap();
            let (again, bytes_again) = pack_whole(&layout, &*rounded, storage).unwrap();
            assert_eq!(bytes, bytes_again, "{storage}");
            for (one, other) in once.host.scales.iter().flatten().zip(again.host.scales.iter().flatten()) {
                assert!(one.to_bits().abs_diff(other.to_bits()) <= 1, "{one:e} {other:e}");
            }
        }
    }
}
