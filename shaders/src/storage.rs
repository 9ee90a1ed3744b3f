use std::fmt;

/// How the shared weights are stored on the GPU. What is computed in is another choice: an
/// [`Arithmetic`](crate::Arithmetic).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WeightStorage {
    /// As they were trained: 4 bytes a weight.
    #[default]
    F32,
    /// The nearest 16-bit float, ties to even: 2 bytes a weight.
    F16,
    /// Multiples of a step, from -127 to 127: 1 byte a weight. Every output channel of a tensor has its own step, a
    /// 127th of its largest weight.
    Int8,
}

impl WeightStorage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];

    /// Bytes of an element: four weights.
    pub fn element_bytes(self) -> u64 {
        match self {
            Self::F32 => 16,
            Self::F16 => 8,
            Self::Int8 => 4,
        }
    }
}

impl fmt::Display for WeightStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        })
    }
}
