use crate::{Epilogue, Gate, Kernel, Specialisation};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::tiles::Tile;

impl Kernel {
    /// Specialisations that reach every line of what is generated: each way of epilogue and gating a layer, odd and even
    /// sizes, tiles of every kind. What tests and the [`fingerprint`](crate::fingerprint) go through.
    pub fn examples(self) -> Vec<Specialisation> {
        let plain = Specialisation::generic(64);
        let mut all = vec![plain];
        match self {
            Kernel::Pointwise => {
                for (pixels, groups, broadcast) in [
                    (8, 8, true),
                    (2, 8, true),
                    (1, 4, true),
                    (8, 2, false),
                    (1, 8, false),
                    (4, 2, false),
                    (3, 1, false),
                ] {
                    for arithmetic in [Arithmetic::F32, Arithmetic::F16] {
                        let (tile, gate) =
                            (Tile { pixels, groups }, if pixels == 8 { Gate::Every } else { Gate::None });
                        let epilogue = Epilogue::Mixed(3);
                        all.push(Specialisation { tile, broadcast, arithmetic, gate, epilogue, ..plain });
                    }
                }
            }
            Kernel::Depthwise => {
                for (kernel, stride, arithmetic) in [
                    (1, 1, Arithmetic::F32),
                    (3, 1, Arithmetic::F32),
                    (5, 2, Arithmetic::F32),
                    (7, 2, Arithmetic::F32),
                    (3, 2, Arithmetic::F16),
                ] {
                    let (gate, epilogue) = (Gate::None, Epilogue::Fixed(4));
                    all.push(Specialisation { kernel, stride, arithmetic, gate, epilogue, rows: 4, ..plain });
                }
            }
            Kernel::Dense => {
                for (kernel, stride, input_channels) in [(3, 2, 3), (5, 1, 1), (7, 2, 3), (1, 1, 3)] {
                    let (gate, epilogue) = (Gate::None, Epilogue::Fixed(2));
                    all.push(Specialisation { kernel, stride, input_channels, gate, epilogue, ..plain });
                }
            }
            Kernel::PointwiseSmall => {
                all.extend((0..=6).map(|activation| Specialisation { epilogue: Epilogue::Fixed(activation), ..plain }));
            }
            // Software's workgroup.
            Kernel::Moments | Kernel::Normalise => all.push(Specialisation::generic(8)),
            _ => {}
        }
        all
    }
}
