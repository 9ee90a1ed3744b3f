//! One picture: decoded, fitted into a square, measured.

mod fault;
mod measures;
mod memory;
mod square;

pub use fault::{Fault, FaultKind, is_named_as_picture, wrong_name};
pub use measures::{ChannelSums, ContentHash, Thumbnail};
pub use square::Form;

use memory::Room;
use nestling_core::image::{Fit, Image};
use nestling_pictures::{Picture, PictureOptions};
use square::Square;

/// Most bytes of a file, and about the most memory that decoding it takes.
pub const MAX_BYTES: u64 = 512 << 20;

/// All that is known of a picture after it was decoded.
#[derive(Debug)]
pub struct Inspected {
    /// Columns, upright.
    pub width: u32,
    /// Rows, upright.
    pub height: u32,
    /// Whether it has no colour.
    pub is_grey: bool,
    /// A small copy, to compare with others.
    pub thumbnail: Thumbnail,
    /// Sums over the pixels of the square that are the picture's.
    pub sums: ChannelSums,
    /// The pixels of the square, in the form's channels.
    pub pixels: Vec<u8>,
}

/// A decoded picture.
#[derive(Debug)]
pub struct Decoded {
    picture: Picture,
    /// Given back after the picture: fields are dropped in this order.
    _room: Room<'static>,
}

impl Decoded {
    /// The pixels, borrowed.
    pub fn image(&self) -> Image<'_> {
        self.picture.image()
    }
}

/// Decodes a picture that was decoded before, from the same bytes. It waits until the pictures of other threads leave
/// room in memory.
///
/// # Errors
/// [`Fault`] if it cannot be used.
pub fn decode_again(bytes: &[u8], fit: Fit, background: [u8; 3]) -> Result<Decoded, Fault> {
    decode_with(bytes, &options(fit, background).trusted(true))
}

fn options(fit: Fit, background: [u8; 3]) -> PictureOptions {
    PictureOptions::for_fit(fit).background(background).max_bytes(MAX_BYTES).packed(true)
}

fn decode_with(bytes: &[u8], options: &PictureOptions) -> Result<Decoded, Fault> {
    // A file with a faulty header sets nothing aside.
    let room = memory::room_for(Picture::decoding_bytes(bytes, options).unwrap_or(0));
    let picture = Picture::decode_with(bytes, options).map_err(|error| Fault::of_picture(bytes, &error))?;
    Ok(Decoded { picture, _room: room })
}

/// Decodes a picture, fits it into a square and measures it.
///
/// # Errors
/// [`Fault`] if it cannot be used.
pub fn inspect(bytes: &[u8], form: &Form) -> Result<Inspected, Fault> {
    let picture = decode_with(bytes, &options(form.fit, form.background))?;
    let image = picture.image();
    let (width, height) = (image.width(), image.height());
    let Square { pixels, target } = Square::of(&image, form);
    let inside = form.pixels_of(&pixels, target);
    Ok(Inspected {
        width,
        height,
        is_grey: form.channels == 1 || pixels.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b),
        thumbnail: Thumbnail::of(&image),
        sums: ChannelSums::of(inside, form.channels),
        pixels,
    })
}

/// The pixels of the square alone, of bytes that were inspected: the very ones that [`inspect`] gave.
///
/// # Errors
/// [`Fault`] if the picture cannot be used.
pub fn square_pixels(bytes: &[u8], form: &Form) -> Result<Vec<u8>, Fault> {
    let picture = decode_again(bytes, form.fit, form.background)?;
    Ok(Square::of(&picture.image(), form).pixels)
}
