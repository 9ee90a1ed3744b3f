use crate::image::{ImageError, Region};

crate::listed_enum! {
    /// How pixels must be turned and mirrored to show the picture upright. The variants are the eight of EXIF, in its
    /// order.
    ///
    /// Android's CameraX gives degrees (`ImageInfo.getRotationDegrees`), files and iOS an EXIF number
    /// (`CGImagePropertyOrientation`):
    ///
    /// ```
    /// use nestling_core::image::Orientation;
    /// assert_eq!(Orientation::clockwise(90), Orientation::from_exif(6));
    /// // The front camera's frames, as its preview shows them.
    /// assert_eq!(Orientation::clockwise(270).unwrap().mirrored(), Orientation::Transverse);
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum Orientation {
        /// Leave them as they are. EXIF 1.
        #[default]
        Upright,
        /// Mirror them, left to right. EXIF 2.
        FlipHorizontal,
        /// Turn them by half a turn. EXIF 3.
        Rotate180,
        /// Mirror them, top to bottom. EXIF 4.
        FlipVertical,
        /// Mirror them at the diagonal from the top left: rows become columns. EXIF 5.
        Transpose,
        /// Turn them clockwise by a quarter. EXIF 6.
        Rotate90,
        /// Mirror them at the diagonal from the top right. EXIF 7.
        Transverse,
        /// Turn them clockwise by three quarters. EXIF 8.
        Rotate270,
    }
}

/// An orientation in parts: first both axes may be reversed, then they may be swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axes {
    reverse_columns: bool,
    reverse_rows: bool,
    swap: bool,
}

/// The way through stored samples in the order of the upright picture: that of a row and a column is at
/// `first + column * right + row * down`. A place is a vector, so that it may be an index or a column and a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The place of the upright picture's first sample.
    pub first: [i32; 2],
    /// From one column of the upright picture to the next.
    pub right: [i32; 2],
    /// From one row of the upright picture to the next.
    pub down: [i32; 2],
}

/// Which of a range of pixels share a sample with their neighbour, where a sample stands for two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halves {
    /// First stored sample.
    pub first: u32,
    /// Stored samples from there on.
    pub count: u32,
    /// 1 if the first pixel is the second one of its sample. Pixel `i` has sample `(i + phase) / 2`.
    pub phase: u32,
}

impl Orientation {
    /// The orientation of an EXIF tag or of `CGImagePropertyOrientation`, 1 to 8.
    ///
    /// # Errors
    /// [`ImageError::ExifOrientation`] for any other number. Some programs write 0 where they do not know.
    pub fn from_exif(number: u16) -> Result<Self, ImageError> {
        let index = usize::from(number).checked_sub(1);
        index.and_then(|index| Self::ALL.get(index)).copied().ok_or(ImageError::ExifOrientation { number })
    }

    /// Its EXIF number, 1 to 8.
    pub fn exif(self) -> u16 {
        self as u16 + 1
    }

    /// The clockwise turn, in degrees, that makes the pixels upright: a multiple of 90. A negative one turns
    /// anticlockwise.
    ///
    /// # Errors
    /// [`ImageError::Rotation`] for any other angle.
    pub fn clockwise(degrees: i32) -> Result<Self, ImageError> {
        match degrees.rem_euclid(360) {
            0 => Ok(Self::Upright),
            90 => Ok(Self::Rotate90),
            180 => Ok(Self::Rotate180),
            270 => Ok(Self::Rotate270),
            _ => Err(ImageError::Rotation { degrees }),
        }
    }

    /// This one, and then mirrored from left to right.
    pub fn mirrored(self) -> Self {
        self.then(Self::FlipHorizontal)
    }

    /// This one, and then another.
    ///
    /// ```
    /// use nestling_core::image::Orientation;
    /// assert_eq!(Orientation::Rotate90.then(Orientation::Rotate180), Orientation::Rotate270);
    /// ```
    pub fn then(self, next: Self) -> Self {
        let (before, after) = (self.axes(), next.axes());
        // The next one's columns are this one's rows if this one swaps.
        let (columns, rows) = if before.swap {
            (after.reverse_rows, after.reverse_columns)
        } else {
            (after.reverse_columns, after.reverse_rows)
        };
        Self::of_axes(Axes {
            reverse_columns: before.reverse_columns != columns,
            reverse_rows: before.reverse_rows != rows,
            swap: before.swap != after.swap,
        })
    }

    fn axes(self) -> Axes {
        let axes = |reverse_columns, reverse_rows, swap| Axes { reverse_columns, reverse_rows, swap };
        match self {
            Self::Upright => axes(false, false, false),
            Self::FlipHorizontal => axes(true, false, false),
            Self::Rotate180 => axes(true, true, false),
            Self::FlipVertical => axes(false, true, false),
            Self::Transpose => axes(false, false, true),
            Self::Rotate90 => axes(false, true, true),
            Self::Transverse => axes(true, true, true),
            Self::Rotate270 => axes(true, false, true),
        }
    }

    fn of_axes(Axes { reverse_columns, reverse_rows, swap }: Axes) -> Self {
        match (reverse_columns, reverse_rows, swap) {
            (false, false, false) => Self::Upright,
            (true, false, false) => Self::FlipHorizontal,
            (true, true, false) => Self::Rotate180,
            (false, true, false) => Self::FlipVertical,
            (false, false, true) => Self::Transpose,
            (false, true, true) => Self::Rotate90,
            (true, true, true) => Self::Transverse,
            (true, false, true) => Self::Rotate270,
        }
    }

    /// Columns and rows of the upright picture of `width` by `height` stored pixels.
    pub fn size(self, width: u32, height: u32) -> (u32, u32) {
        if self.axes().swap { (height, width) } else { (width, height) }
    }

    /// The stored row and column that the upright picture shows at `row` and `column`: the definition, of which
    /// [`Orientation::walk`] is the kernels' form.
    pub fn stored(self, (row, column): (u32, u32), width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::Upright => (row, column),
            Self::FlipHorizontal => (row, width - 1 - column),
            Self::Rotate180 => (height - 1 - row, width - 1 - column),
            Self::FlipVertical => (height - 1 - row, column),
            Self::Transpose => (column, row),
            Self::Rotate90 => (height - 1 - column, row),
            Self::Transverse => (height - 1 - column, width - 1 - row),
            Self::Rotate270 => (column, width - 1 - row),
        }
    }

    /// The stored pixels of a part of the upright picture of `width` by `height` stored pixels.
    pub fn stored_region(self, region: Region, width: u32, height: u32) -> Region {
        let corner = |row: u32, column: u32| self.stored((region.top + row, region.left + column), width, height);
        let (first, last) = (corner(0, 0), corner(region.height - 1, region.width - 1));
        let (columns, rows) = self.size(region.width, region.height);
        Region { left: first.1.min(last.1), top: first.0.min(last.0), width: columns, height: rows }
    }

    /// The way through `columns` by `rows` stored samples, of which a column's next one is `next_column` further, and a
    /// row's is `next_row`.
    pub fn walk(self, (columns, rows): (u32, u32), next_column: [i32; 2], next_row: [i32; 2]) -> Walk {
        let axes = self.axes();
        let axis = |samples: u32, next: [i32; 2], reverse: bool| match reverse {
            true => (next.map(|step| step * (samples as i32 - 1)), next.map(|step| -step)),
            false => ([0; 2], next),
        };
        let (first_column, along_columns) = axis(columns, next_column, axes.reverse_columns);
        let (first_row, along_rows) = axis(rows, next_row, axes.reverse_rows);
        let (right, down) = if axes.swap { (along_rows, along_columns) } else { (along_columns, along_rows) };
        Walk { first: std::array::from_fn(|index| first_column[index] + first_row[index]), right, down }
    }

    /// The chroma samples of a part of the stored pixels: along stored columns, and along stored rows. Their phases are
    /// those of the upright picture's pixels, along the same stored axis.
    pub fn halves(self, stored: Region) -> [Halves; 2] {
        let axes = self.axes();
        let halves = |start: u32, length: u32, reverse: bool| {
            let (first, end) = (start / 2, start + length);
            Halves { first, count: end.div_ceil(2) - first, phase: if reverse { end % 2 } else { start % 2 } }
        };
        [halves(stored.left, stored.width, axes.reverse_columns), halves(stored.top, stored.height, axes.reverse_rows)]
    }

    /// Takes what belongs to stored columns and to stored rows; returns what belongs to the upright picture's columns
    /// and to its rows.
    pub fn shown<T>(self, [columns, rows]: [T; 2]) -> [T; 2] {
        if self.axes().swap { [rows, columns] } else { [columns, rows] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// EXIF's table for the stored rows `abc` and `def`, turned upright.
    const UPRIGHT: [&str; 8] =
        ["abc def", "cba fed", "fed cba", "def abc", "ad be cf", "da eb fc", "fc eb da", "cf be ad"];

    fn shown(orientation: Orientation) -> String {
        let (width, height) = orientation.size(3, 2);
        let letter = |row, column| {
            let (row, column) = orientation.stored((row, column), 3, 2);
            char::from(b'a' + (3 * row + column) as u8)
        };
        let row = |row| (0..width).map(|column| letter(row, column)).collect::<String>();
        (0..height).map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_eight_are_those_of_exif() {
        for (number, expected) in (1..).zip(UPRIGHT) {
            let orientation = Orientation::from_exif(number).unwrap();
            assert_eq!((shown(orientation).as_str(), orientation.exif()), (expected, number));
        }
        for number in [0, 9, u16::MAX] {
            assert_eq!(Orientation::from_exif(number), Err(ImageError::ExifOrientation { number }));
        }
    }

    #[test]
    fn turns_are_clockwise_and_whole_quarters() {
        let numbers =
            [-270, -90, 0, 90, 180, 270, 360, 450].map(|degrees| Orientation::clockwise(degrees).unwrap().exif());
        assert_eq!(numbers, [6, 8, 1, 6, 3, 8, 1, 6]);
        for degrees in [1, 45, -89, i32::MIN, i32::MAX] {
            assert_eq!(Orientation::clockwise(degrees), Err(ImageError::Rotation { degrees }));
        }
    }

    #[test]
    fn one_after_another_is_one_of_the_eight() {
        for (first, second) in Orientation::ALL.into_iter().flat_map(|one| Orientation::ALL.map(|other| (one, other))) {
            let both = first.then(second);
            let (width, height) = first.size(5, 4);
            assert_eq!(second.size(width, height), both.size(5, 4));
            for place in [(0, 0), (0, 1), (3, 2), (1, 3)] {
                let expected = first.stored(second.stored(place, width, height), 5, 4);
                assert_eq!(both.stored(place, 5, 4), expected, "{first:?}, then {second:?}");
            }
        }
        assert_eq!(Orientation::Rotate90.mirrored(), Orientation::Transpose);
    }

    proptest! {
        #[test]
        fn a_walk_goes_where_the_definition_says(
            width in 1u32..50, height in 1u32..50, which in 0usize..8, stride in 50i32..60
        ) {
            let orientation = Orientation::ALL[which];
            let in_buffer = orientation.walk((width, height), [1, 0], [stride, 0]);
            let in_texture = orientation.walk((width, height), [1, 0], [0, 1]);
            let (columns, rows) = orientation.size(width, height);
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let (y, x) = orientation.stored((row, column), width, height);
                let at = |walk: Walk| -> [i32; 2] {
                    let along = |index: usize| column as i32 * walk.right[index] + row as i32 * walk.down[index];
                    std::array::from_fn(|index| walk.first[index] + along(index))
                };
                prop_assert_eq!(at(in_texture), [x as i32, y as i32]);
                prop_assert_eq!(at(in_buffer), [y as i32 * stride + x as i32, 0]);
            }
        }

        #[test]
        fn a_part_and_its_chroma_are_found_among_stored_pixels(
            width in 2u32..50, height in 2u32..50, which in 0usize..8, left in 0u32..50, top in 0u32..50,
            wide in 1u32..50, high in 1u32..50
        ) {
            let orientation = Orientation::ALL[which];
            let (columns, rows) = orientation.size(width, height);
            let (wide, high) = (wide.min(columns), high.min(rows));
            let part = Region { left: left.min(columns - wide), top: top.min(rows - high), width: wide, height: high };
            let stored = orientation.stored_region(part, width, height);
            let halves = orientation.halves(stored);
            let [right, down] = orientation.shown(halves).map(|halves| halves.phase);
            let walk = orientation.walk((halves[0].count, halves[1].count), [1, 0], [0, 1]);
            for (row, column) in (0..high).flat_map(|row| (0..wide).map(move |column| (row, column))) {
                let (y, x) = orientation.stored((part.top + row, part.left + column), width, height);
                prop_assert!((stored.left..stored.left + stored.width).contains(&x), "{stored:?}");
                prop_assert!((stored.top..stored.top + stored.height).contains(&y), "{stored:?}");
                let sample = [column + right, row + down].map(|twice| (twice / 2) as i32);
                let at = |index: usize| walk.first[index] + sample[0] * walk.right[index] + sample[1] * walk.down[index];
                let expected = [x / 2 - halves[0].first, y / 2 - halves[1].first];
                prop_assert_eq!([at(0), at(1)], expected.map(|index| index as i32));
            }
        }
    }
}
