use bytemuck::{Pod, Zeroable};
use nestling_core::space::Activation;

/// Uniform parameters of one layer: the mirror of `struct Layer` in `layer.wgsl`.
///
/// Sizes are in pixels; a group is four channels; offsets and strides count elements of four values.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct LayerParameters {
    /// Columns of the input.
    pub input_width: u32,
    /// Rows of the input.
    pub input_height: u32,
    /// Groups of channels that the child reads.
    pub input_groups: u32,
    /// Columns of the output.
    pub output_width: u32,
    /// Rows of the output.
    pub output_height: u32,
    /// Groups of channels that the child writes.
    pub output_groups: u32,
    /// First element of the layer's weight.
    pub weight_offset: u32,
    /// Elements from one group of output channels to the next in the supernet's weight.
    pub weight_stride: u32,
    /// The supernet's kernel size.
    pub weight_kernel: u32,
    /// First element of the child's scales and shifts for the layer.
    pub norm_offset: u32,
    /// Rows and columns of zeros before the image.
    pub padding: u32,
    /// First element of the input in the source. Read only by `PointwiseSmall`, `LinearWide` and `Fallback`.
    pub source_offset: u32,
    /// First element of the output in the destination. Read only by pools over all
    /// pixels, `PointwiseSmall`, `LinearWide` and `Fallback`.
    pub destination_offset: u32,
    /// First element of the gate in the source. Read only by gated pointwise kernels.
    pub gate_offset: u32,
    /// The child's kernel size. Read only by [`Kernel::Fallback`](crate::Kernel::Fallback).
    pub kernel: u32,
    /// Bits 0 to 7 stride, 8 to 15 activation, 16 residual, 17 gated, 18 depthwise: all that the pipeline's
    /// [`Epilogue`](crate::Epilogue) and [`Gate`](crate::Gate) leave open, and all that
    /// [`Kernel::Fallback`](crate::Kernel::Fallback) needs.
    pub flags: u32,
}

/// Bits of [`LayerParameters::flags`]; modules get them as constants of the same names.
pub(crate) mod flags {
    pub(crate) const STRIDE_MASK: u32 = 0xff;
    pub(crate) const ACTIVATION_SHIFT: u32 = 8;
    pub(crate) const ACTIVATION_MASK: u32 = 0xff;
    pub(crate) const RESIDUAL_OUTPUT: u32 = 1 << 16;
    pub(crate) const GATED_INPUT: u32 = 1 << 17;
    pub(crate) const DEPTHWISE: u32 = 1 << 18;
}

const _: () = assert!(Activation::ALL.len() <= 1 + flags::ACTIVATION_MASK as usize);

impl LayerParameters {
    /// The [`flags`](Self::flags) of a layer.
    pub fn flags(stride: u32, activation: Activation, residual: bool, gated: bool, depthwise: bool) -> u32 {
        let bit = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
        stride & flags::STRIDE_MASK
            | activation.number() << flags::ACTIVATION_SHIFT
            | bit(residual, flags::RESIDUAL_OUTPUT)
            | bit(gated, flags::GATED_INPUT)
            | bit(depthwise, flags::DEPTHWISE)
    }
}

/// Values of [`ResizeParameters::kind`]; modules get them as constants of the same names.
pub(crate) mod kinds {
    pub(crate) const WHOLE_PIXELS: u32 = 0;
    pub(crate) const THREE_BYTES: u32 = 1;
    pub(crate) const LUMA: u32 = 2;
    pub(crate) const LUMA_AND_CHROMA: u32 = 3;
}

/// Uniform parameters of both passes of the resize: the mirror of `struct Resize` in `resize.wgsl`.
///
/// Columns and rows are those of the upright picture, or of its transpose. In a buffer, the second component of a place
/// is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct ResizeParameters {
    /// Columns and rows that are read.
    pub source: [u32; 2],
    /// Columns and rows of the input that they become.
    pub fitted: [u32; 2],
    /// Columns and rows of zeros before those.
    pub margin: [u32; 2],
    /// Rows and columns of the input.
    pub target_side: u32,
    /// Channels that the network reads: 1 or 3.
    pub channels: u32,
    /// Factor of each channel's 8-bit value.
    pub scale: [f32; 4],
    /// Added after the factor.
    pub shift: [f32; 4],
    /// Where the first pixel is: a byte of a buffer, or a texture's column and row.
    pub first: [i32; 2],
    /// From one column to the next.
    pub right: [i32; 2],
    /// From one row to the next.
    pub down: [i32; 2],
    /// Factor of a luma sample, and what is added.
    pub luma: [f32; 2],
    /// The bytes of a pixel that are red, green and blue. A frame's are so already.
    pub order: [u32; 3],
    /// 1 where the first column is the second one of its chroma sample.
    pub chroma_column: u32,
    /// Weights of red, green and blue in the one channel of a grey network.
    pub grey: [f32; 3],
    /// 1 where the first row is the second one of its chroma sample.
    pub chroma_row: u32,
    /// Bytes before the first cb and cr samples.
    pub chroma_first: [i32; 2],
    /// Bytes to the next column of chroma samples, and to the next row.
    pub chroma_next: [i32; 2],
    /// Factors of chroma samples less 128: red from cr, green from cb, green from cr, blue from cb.
    pub chroma: [f32; 4],
    /// How a pixel is read: [`WHOLE_PIXELS`](Self::WHOLE_PIXELS), [`THREE_BYTES`](Self::THREE_BYTES),
    /// [`LUMA`](Self::LUMA) or [`LUMA_AND_CHROMA`](Self::LUMA_AND_CHROMA).
    pub kind: u32,
    /// 1 where the columns are the rows of the input.
    pub transposed: u32,
    /// Fills the last vector.
    pub unused: [u32; 2],
}

impl ResizeParameters {
    /// A pixel is in one word of four bytes.
    pub const WHOLE_PIXELS: u32 = kinds::WHOLE_PIXELS;
    /// A pixel may end in the next word.
    pub const THREE_BYTES: u32 = kinds::THREE_BYTES;
    /// A pixel is a luma sample, all that a grey network reads of a frame.
    pub const LUMA: u32 = kinds::LUMA;
    /// A pixel is a luma sample, and the chroma samples that it shares with its neighbours.
    pub const LUMA_AND_CHROMA: u32 = kinds::LUMA_AND_CHROMA;
}

/// Bytes of a uniform binding that holds either parameter struct.
pub const PARAMETER_BYTES: u64 = {
    let (layer, resize) = (size_of::<LayerParameters>() as u64, size_of::<ResizeParameters>() as u64);
    if layer > resize { layer } else { resize }
};

// Uniform structs are whole vectors.
const _: () =
    assert!(size_of::<LayerParameters>().is_multiple_of(16) && size_of::<ResizeParameters>().is_multiple_of(16));
