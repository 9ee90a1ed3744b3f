use crate::{Epilogue, Gate, Kernel, Specialisation};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::Activation;
use nestling_core::tiles::Tile;

impl Kernel {
    /// Specialisations that reach every line of the generated text: every epilogue and gate, odd and even sizes, tiles
    /// of every kind. Tests and the [`fingerprint`](crate::fingerprint) go through them.
    pub fn examples(self) -> Vec<Specialisation> {
        let generic = Specialisation::generic(64);
        let mut all = vec![generic];
        match self {
            Kernel::Pointwise => all.extend(pointwise(generic)),
            Kernel::Depthwise => all.extend(depthwise(generic)),
            Kernel::Dense => all.extend(dense(generic)),
            Kernel::PointwiseSmall => {
                let fixed = |activation| Specialisation { epilogue: Epilogue::Fixed(activation), ..generic };
                all.extend(Activation::ALL.map(fixed));
            }
            // The workgroup of software.
            Kernel::Moments | Kernel::Normalise => all.push(Specialisation::generic(8)),
            Kernel::LinearWide
            | Kernel::Pool
            | Kernel::PoolWide
            | Kernel::AveragePool
            | Kernel::ResizeColumns
            | Kernel::TextureColumns
            | Kernel::ResizeRows
            | Kernel::Fallback
            | Kernel::ReadWeights => {}
        }
        all
    }
}

fn pointwise(generic: Specialisation) -> impl Iterator<Item = Specialisation> {
    let tiles = [(8, 8, true), (2, 8, true), (1, 4, true), (8, 2, false), (1, 8, false), (4, 2, false), (3, 1, false)];
    tiles.into_iter().flat_map(move |(pixels, groups, broadcast)| {
        let (tile, epilogue) = (Tile { pixels, groups }, Epilogue::Mixed(Activation::Swish));
        let gate = if pixels == 8 { Gate::Every } else { Gate::None };
        Arithmetic::ALL.map(|arithmetic| Specialisation { tile, broadcast, arithmetic, gate, epilogue, ..generic })
    })
}

fn depthwise(generic: Specialisation) -> impl Iterator<Item = Specialisation> {
    let windows = [
        (1, 1, Arithmetic::F32),
        (3, 1, Arithmetic::F32),
        (5, 2, Arithmetic::F32),
        (7, 2, Arithmetic::F32),
        (3, 2, Arithmetic::F16),
    ];
    windows.into_iter().map(move |(kernel, stride, arithmetic)| {
        let (gate, epilogue) = (Gate::None, Epilogue::Fixed(Activation::HardSwish));
        Specialisation { kernel, stride, arithmetic, gate, epilogue, rows: 4, ..generic }
    })
}

fn dense(generic: Specialisation) -> impl Iterator<Item = Specialisation> {
    [(3, 2, 3), (5, 1, 1), (7, 2, 3), (1, 1, 3)].into_iter().map(move |(kernel, stride, input_channels)| {
        let (gate, epilogue) = (Gate::None, Epilogue::Fixed(Activation::Relu6));
        Specialisation { kernel, stride, input_channels, gate, epilogue, ..generic }
    })
}
