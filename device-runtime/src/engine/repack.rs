use crate::space::{Convolution, Operator, ParameterLayout};

/// Where a convolution's weight is in the packed vector, in elements of four values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) offset: u32,
    /// From one group of output channels to the next.
    pub(super) stride: u32,
}

/// All convolutions' weights in the kernels' order: a group of four output channels is one element, so that a child's
/// first channels are a prefix of every axis.
///
/// | operator | elements |
/// | --- | --- |
/// | pointwise, linear | `[output group][input channel, padded to 4]` |
/// | depthwise | `[group][row][column]` |
/// | dense | `[output group][row][column][input channel, padded to 4]` |
pub(super) struct PackedWeights {
    pub(super) values: Vec<[f32; 4]>,
    pub(super) convolutions: Vec<Packed>,
}

/// Elements of one group of output channels.
fn stride(convolution: &Convolution) -> u64 {
    let inputs = u64::from(convolution.inputs.next_multiple_of(4));
    let area = u64::from(convolution.kernel * convolution.kernel);
    if convolution.operator == Operator::Depthwise { area } else { inputs * area }
}

/// Elements of all weights together: what the buffer must hold.
pub(super) fn packed_len(layout: &ParameterLayout) -> u64 {
    layout.convolutions.iter().map(|one| stride(one) * u64::from(one.outputs.div_ceil(4))).sum()
}

/// Packs the flat vector of all parameters, which must fit `layout`; channels beyond the last are zero.
pub(super) fn pack(layout: &ParameterLayout, parameters: &[f32]) -> PackedWeights {
    let mut packed = PackedWeights { values: Vec::new(), convolutions: Vec::new() };
    packed.values.reserve_exact(packed_len(layout) as usize);
    for convolution in &layout.convolutions {
        let weight = &parameters[layout.parameters[convolution.weight].range()];
        let stride = stride(convolution) as u32;
        packed.convolutions.push(Packed { offset: packed.values.len() as u32, stride });
        let outputs = convolution.outputs as usize;
        let area = (convolution.kernel * convolution.kernel) as usize;
        let columns = if convolution.operator == Operator::Depthwise { 1 } else { convolution.inputs as usize };
        let padded = if convolution.operator == Operator::Depthwise { 1 } else { columns.next_multiple_of(4) };
        for group in 0..outputs.div_ceil(4) {
            for position in 0..area {
                for column in 0..padded {
                    packed.values.push(std::array::from_fn(|lane| {
                        let output = 4 * group + lane;
                        let there = output < outputs && column < columns;
                        if there { weight[(output * columns + column) * area + position] } else { 0.0 }
                    }));
                }
            }
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::SearchSpace;

    #[test]
    fn every_weight_has_one_place() {
        for space in [SearchSpace::fashion(), SearchSpace { classes: 10, ..SearchSpace::table1() }] {
            let layout = space.layout();
            let parameters: Vec<f32> = (0..layout.len()).map(|index| index as f32 + 1.0).collect();
            let packed = pack(&layout, &parameters);
            assert_eq!(packed.values.len() as u64, packed_len(&layout));
            let mut found: Vec<u32> =
                packed.values.iter().flatten().filter(|&&v| v != 0.0).map(|&v| v as u32).collect();
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
        let layout = SearchSpace::fashion().layout();
        let parameters: Vec<f32> = (0..layout.len()).map(|index| index as f32).collect();
        let packed = pack(&layout, &parameters);
        let index = layout.convolutions.iter().position(|one| one.operator == Operator::Pointwise).unwrap();
        let (convolution, place) = (&layout.convolutions[index], packed.convolutions[index]);
        let weight = &parameters[layout.parameters[convolution.weight].range()];
        let (output, input) = (7u32, 5u32);
        let element = packed.values[(place.offset + output / 4 * place.stride + input) as usize];
        assert_eq!(element[(output % 4) as usize], weight[(output * convolution.inputs + input) as usize]);
    }
}
