use bytemuck::{Pod, Zeroable};

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
    /// First element of the input in the source. Only `PointwiseSmall` and `LinearWide` look.
    pub source_offset: u32,
    /// First element of the output in the destination. Only pools over all pixels, `PointwiseSmall` and `LinearWide` look.
    pub destination_offset: u32,
    /// First element of the gate in the source. Only gated pointwise kernels look.
    pub gate_offset: u32,
    /// The child's kernel size. Only [`Kernel::Fallback`](crate::Kernel::Fallback) looks.
    pub kernel: u32,
    /// Bits 0 to 7 stride, 8 to 15 activation, 16 residual, 17 gated, 18 depthwise: what the pipeline's
    /// [`Epilogue`](crate::Epilogue) and [`Gate`](crate::Gate) leave open, and what [`Kernel::Fallback`](crate::Kernel::Fallback)
    /// needs.
    pub flags: u32,
}

impl LayerParameters {
    /// What a kernel reads of a layer that is not specialised to it.
    pub fn flags(stride: u32, activation: u32, residual: bool, gated: bool, depthwise: bool) -> u32 {
        stride | activation << 8 | u32::from(residual) << 16 | u32::from(gated) << 17 | u32::from(depthwise) << 18
    }
}

/// Uniform parameters of both passes of the resize: the mirror of `struct Resize` in `resize.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct ResizeParameters {
    /// Rows and columns of the square that is read, in pixels.
    pub source_side: u32,
    /// Rows and columns of the square that is written, in pixels.
    pub target_side: u32,
    /// 0 grey, 1 RGBA, 2 a camera frame.
    pub format: u32,
    /// Channels that the network reads: 1 or 3.
    pub channels: u32,
    /// Factor of each channel's 8-bit value.
    pub scale: [f32; 4],
    /// Added after the factor.
    pub shift: [f32; 4],
    /// Of a camera frame: byte of the first cb sample; the luma plane comes first.
    pub cb_first: u32,
    /// Byte of the first cr sample.
    pub cr_first: u32,
    /// Bytes from one row of chroma samples to the next.
    pub chroma_stride: u32,
    /// Bytes from one chroma sample to the next.
    pub chroma_step: u32,
    /// Factors of chroma samples less 128: red from cr, green from cb, green from cr, blue from cb.
    pub chroma: [f32; 4],
    /// Factor of a luma sample and what is added, twice zero.
    pub luma: [f32; 4],
}

/// Bytes of a uniform binding that holds either parameter struct.
pub const PARAMETER_BYTES: u64 = {
    let (layer, resize) = (size_of::<LayerParameters>() as u64, size_of::<ResizeParameters>() as u64);
    if layer > resize { layer } else { resize }
};

// Uniform structs are whole vectors.
const _: () =
    assert!(size_of::<LayerParameters>().is_multiple_of(16) && size_of::<ResizeParameters>().is_multiple_of(16));
