use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;

/// The weights of a checkpoint, which is a safetensors file.
pub struct Weights {
    /// Steps done.
    pub step: u64,
    /// All weights.
    pub values: Vec<f32>,
}

impl Weights {
    /// Reads the tensor `weights`.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("{} is no checkpoint", path.display()))
    }

    /// Eight bytes of length, a JSON header, the data.
    fn parse(bytes: &[u8]) -> Result<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>().context("it is too short")?;
        let length = usize::try_from(u64::from_le_bytes(*length))?;
        ensure!(length <= rest.len(), "it is cut off");
        let (header, data) = rest.split_at(length);
        let header: Value = serde_json::from_slice(header)?;
        let step = header["__metadata__"]["step"].as_str().context("it has no step")?.parse()?;
        let offset = |index: usize| header["weights"]["data_offsets"][index].as_u64().map(|offset| offset as usize);
        let range = offset(0).zip(offset(1)).context("it has no weights")?;
        let data = data.get(range.0..range.1).context("it is cut off")?;
        let values = data.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        Ok(Self { step, values: values.collect() })
    }

    /// The largest difference of a weight, as a share of the largest weight; NaN if they are not as many.
    pub fn apart(&self, other: &Self) -> f64 {
        if self.values.len() != other.values.len() {
            return f64::NAN;
        }
        let most = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0f32, |most, value| most.max(value.abs()));
        let largest = most(&mut self.values.iter().copied());
        let apart = most(&mut self.values.iter().zip(&other.values).map(|(a, b)| a - b));
        f64::from(apart) / f64::from(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(values: &[f32]) -> Vec<u8> {
        let end = 4 * values.len() + 4;
        let header = format!(
            r#"{{"__metadata__":{{"step":"7"}},"average":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},"weights":{{"dtype":"F32","shape":[{}],"data_offsets":[4,{end}]}}}}"#,
            values.len()
        );
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes().chain([0; 4]).chain(values.iter().flat_map(|value| value.to_le_bytes())));
        bytes
    }

    #[test]
    fn the_tensor_of_weights_is_read_and_compared() {
        let (one, other) = (Weights::parse(&file(&[2.0, -4.0])).unwrap(), Weights::parse(&file(&[2.0, -4.5])).unwrap());
        assert_eq!((one.step, &one.values[..]), (7, &[2.0, -4.0][..]));
        assert!((one.apart(&other) - 0.125).abs() < 1e-9 && one.apart(&one) == 0.0);
        let whole = file(&[1.0]);
        assert!((0..whole.len()).all(|length| Weights::parse(&whole[..length]).is_err()));
        assert!(one.apart(&Weights::parse(&whole).unwrap()).is_nan());
    }
}
