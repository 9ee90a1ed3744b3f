use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use tch::{Device, Kind};

/// The arithmetic of convolutions and matrices in a training step.
///
/// Weights, their gradients and their updates are f32 whatever it is, and so are batch norm's sums, the soft labels and
/// the losses. bf16 has the exponents of f32, so gradients need no scaling. It halves the bytes of activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// bf16 on a GPU, f32 on the processor, whose own kernels are f32.
    #[default]
    Auto,
    /// 32 bits. On a GPU cuDNN may round the factors of a convolution to TF32, as is libtorch's default.
    F32,
    /// 16 bits with the exponents of f32. On most processors slower than f32.
    Bf16,
}

impl Precision {
    const ALL: [Self; 3] = [Self::Auto, Self::F32, Self::Bf16];

    /// The kind of the activations on a device.
    ///
    /// ```
    /// use nestling_train::train::Precision;
    /// use tch::{Device, Kind};
    /// assert_eq!(Precision::Auto.kind(Device::Cpu), Kind::Float);
    /// assert_eq!(Precision::Auto.kind(Device::Cuda(0)), Kind::BFloat16);
    /// ```
    pub fn kind(self, device: Device) -> Kind {
        match self {
            Self::Auto if device.is_cuda() => Kind::BFloat16,
            Self::Auto | Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| format!("precisions are: {}", names()))
    }
}
