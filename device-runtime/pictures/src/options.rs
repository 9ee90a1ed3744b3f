use nestling_core::image::Fit;

/// Largest centred square of a picture: 64 MiB on the GPU are what every adapter binds.
pub const MAX_SQUARE: u32 = 4096;

/// How a picture is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PictureOptions {
    /// The colour behind transparent pixels, as red, green and blue: white unless told otherwise.
    ///
    /// A pixel is `alpha * colour + (1 - alpha) * background` in the values of the file, as browsers show it. The
    /// colours that invisible pixels hide have no influence.
    pub background: [u8; 3],
    /// Most bytes of a file, and about the most bytes of memory that decoding it takes beside the file: 512 MiB unless
    /// told otherwise.
    ///
    /// JPEG files (apart from progressive and CMYK ones) and PNG files (apart from interlaced ones) are reduced while
    /// they are decoded, so that photographs of 200 megapixels take about 100 MiB. If a picture does not fit, it is
    /// halved until it does, as long as its centred square keeps 1024 pixels a side; then it is refused.
    pub max_bytes: u64,
    /// Whether the whole picture is read later, as a bundle's fit says, and not only its centred square. It is then
    /// halved until it has no more pixels than a square of `max_square`, and it loses no end.
    pub whole: bool,
    /// Largest side of the centred square in pixels; where it is larger, the picture is halved until it is not.
    /// [`Picture::MAX_SQUARE`](crate::Picture::MAX_SQUARE) unless told otherwise, and never more. With the
    /// `max_image_side` of a runtime every picture can be classified there.
    pub max_square: u32,
    /// Whether colour takes three bytes a pixel and not four. A GPU reads four at once; a program on the host reads
    /// three faster, and most files hold three.
    pub packed: bool,
    /// Whether these very bytes were decoded before without an error. The pixels of a JPEG file are then not counted
    /// before they are decoded, which takes half as long as the decoding. The pixels are the same.
    pub trusted: bool,
}

impl PictureOptions {
    nestling_core::setters! { background: [u8; 3], max_bytes: u64, whole: bool, max_square: u32, packed: bool, trusted: bool }

    /// The default options for pictures that a network with this fit reads.
    pub fn for_fit(fit: Fit) -> Self {
        Self::default().whole(fit != Fit::Crop)
    }
}

impl Default for PictureOptions {
    fn default() -> Self {
        Self {
            background: [255; 3],
            max_bytes: 512 << 20,
            whole: false,
            max_square: MAX_SQUARE,
            packed: false,
            trusted: false,
        }
    }
}
