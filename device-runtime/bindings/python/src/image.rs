//! An image: a decoded file, or pixels that Python holds.

use crate::error::raised;
use nestling::{Image as Pixels, Orientation, Picture, PictureError, PictureOptions, PixelFormat};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use std::path::PathBuf;

/// An image that a runtime classifies.
#[pyclass(frozen, module = "nestling._native")]
pub struct Image {
    source: Source,
    orientation: Orientation,
}

enum Source {
    Picture(Picture),
    Bytes { width: u32, height: u32, format: PixelFormat, bytes: PyBackedBytes },
}

#[pymethods]
impl Image {
    /// Reads a JPEG, PNG or WebP file. `whole`: not only its centred square is read later.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, whole: bool) -> PyResult<Self> {
        let picture = py.detach(|| Picture::open_with(path, &PictureOptions::default().whole(whole)));
        Self::of(py, picture)
    }

    /// Reads the bytes of such a file.
    #[staticmethod]
    fn decode(py: Python<'_>, data: PyBackedBytes, whole: bool) -> PyResult<Self> {
        let picture = py.detach(|| Picture::decode_with(&data, &PictureOptions::default().whole(whole)));
        Self::of(py, picture)
    }

    /// Takes pixels, row by row without gaps; `format` is "grey8", "rgb8", "rgba8" or "bgra8", `orientation` EXIF's.
    #[staticmethod]
    fn of_pixels(
        py: Python<'_>,
        data: PyBackedBytes,
        width: u32,
        height: u32,
        format: &str,
        orientation: u16,
    ) -> PyResult<Self> {
        let format = match format {
            "grey8" => PixelFormat::Grey8,
            "rgb8" => PixelFormat::Rgb8,
            "rgba8" => PixelFormat::Rgba8,
            "bgra8" => PixelFormat::Bgra8,
            other => {
                let words = "give \"grey8\", \"rgb8\", \"rgba8\" or \"bgra8\"";
                return Err(PyValueError::new_err(format!("format is {other}: {words}")));
            }
        };
        let orientation = Orientation::from_exif(orientation).map_err(|error| raised(py, error))?;
        Pixels::new(width, height, format, &data).map_err(|error| raised(py, error))?;
        Ok(Self { source: Source::Bytes { width, height, format, bytes: data }, orientation })
    }

    /// Width in pixels.
    #[getter]
    fn width(&self) -> u32 {
        match &self.source {
            Source::Picture(picture) => picture.image().width(),
            Source::Bytes { width, .. } => *width,
        }
    }

    /// Height in pixels.
    #[getter]
    fn height(&self) -> u32 {
        match &self.source {
            Source::Picture(picture) => picture.image().height(),
            Source::Bytes { height, .. } => *height,
        }
    }
}

impl Image {
    fn of(py: Python<'_>, picture: Result<Picture, PictureError>) -> PyResult<Self> {
        let picture = picture.map_err(|error| crate::error::of_code(py, error.code(), error.to_string()))?;
        Ok(Self { source: Source::Picture(picture), orientation: Orientation::Upright })
    }

    /// The image for the SDK.
    pub fn view(&self) -> Result<Pixels<'_>, nestling::Error> {
        Ok(match &self.source {
            Source::Picture(picture) => picture.image(),
            Source::Bytes { width, height, format, bytes } => {
                Pixels::new(*width, *height, *format, bytes)?.oriented(self.orientation)
            }
        })
    }
}
