use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn damaged_bytes_never_panic(
        format in 0usize..7, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut file = match format {
            3 => PROGRESSIVE.to_vec(),
            4 => RESTARTS.to_vec(),
            5 => LOSSY_ALPHA.to_vec(),
            6 => ANIMATED.to_vec(),
            format => encode(gradient(24, 17), FORMATS[format]),
        };
        for (index, value) in edits {
            let at = index.index(file.len());
            file[at] = value;
        }
        if let Ok(picture) = Picture::decode(&file) {
            prop_assert!(Image::new(picture.width, picture.height, picture.format, &picture.bytes).is_ok());
        }
    }

    #[test]
    fn bytes_that_only_start_like_a_picture_never_panic(
        format in 0usize..3, rest in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let starts: [&[u8]; 3] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\xff\0\0\0WEBPVP8L"];
        let start = starts[format];
        prop_assert!(Picture::decode(&[start, &rest].concat()).is_err());
    }
}
