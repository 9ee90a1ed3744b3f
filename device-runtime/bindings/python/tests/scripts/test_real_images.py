"""Images of Pillow and NumPy themselves."""

import io
import unittest

import numpy
from PIL import Image, ImageOps

from support import COAT, WithRuntime


class RealImages(WithRuntime):
    def setUp(self):
        super().setUp()
        self.picture = Image.open(COAT)
        self.wanted = self.runtime.logits(COAT)

    def near(self, image, delta=0.2, **named):
        for one, other in zip(self.runtime.logits(image, **named), self.wanted):
            self.assertAlmostEqual(one, other, delta=delta)

    def test_every_mode_of_pillow(self):
        self.assertEqual(self.runtime.logits(self.picture), self.wanted)
        for mode in ("L", "RGB", "RGBA", "RGBX", "LA", "P", "CMYK", "YCbCr", "HSV", "LAB", "PA", "La", "RGBa"):
            source = self.picture.convert("LA" if mode == "La" else "RGBA" if mode == "RGBa" else "RGB")
            with self.subTest(mode):
                # Conversions round, some of them by several steps.
                self.near(source.convert(mode), delta=0.8)
        for mode in ("I", "F", "I;16"):
            with self.assertRaisesRegex(TypeError, "8 bits a value"):
                self.runtime.classify(self.picture.convert("L").convert("I").convert(mode))

    def test_transparency_is_white_as_it_is_in_files(self):
        cut_out = self.picture.convert("RGBA")
        cut_out.putalpha(Image.linear_gradient("L").resize(cut_out.size))
        file = io.BytesIO()
        cut_out.save(file, "PNG")
        of_file, of_image = self.runtime.logits(file.getvalue()), self.runtime.logits(cut_out)
        for one, other in zip(of_file, of_image):
            self.assertAlmostEqual(one, other, delta=0.3)
        self.assertGreater(max(abs(one - other) for one, other in zip(of_file, self.wanted)), 0.3)
        palette = self.picture.convert("P")
        palette.info["transparency"] = 0
        self.runtime.classify(palette)

    def test_the_tag_of_a_photograph_turns_it_once(self):
        lying = self.picture.convert("RGB").transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6
        path = self.folder / "lying.jpg"
        lying.save(path, "JPEG", quality=100, subsampling=0, exif=exif)
        upright = self.runtime.logits(path)
        with Image.open(path) as opened:
            for image in (opened, ImageOps.exif_transpose(opened)):
                for one, other in zip(self.runtime.logits(image), upright):
                    self.assertAlmostEqual(one, other, delta=0.3)

    def test_arrays_of_every_layout(self):
        grey = numpy.asarray(self.picture.convert("L"))
        self.assertEqual(self.runtime.logits(grey), self.wanted)
        self.assertEqual(self.runtime.logits(grey[:, :, None]), self.wanted)
        self.assertEqual(self.runtime.logits(numpy.asfortranarray(grey)), self.wanted)
        wide = numpy.zeros((28, 60), numpy.uint8)
        wide[:, 16:44] = grey
        self.assertEqual(self.runtime.logits(wide[:, 16:44]), self.wanted)
        self.assertEqual(self.runtime.logits(grey[::-1], orientation=4), self.wanted)
        colour = numpy.asarray(self.picture.convert("RGB"))
        self.near(colour)
        self.near(colour[:, :, ::-1])
        self.near(numpy.dstack([colour, numpy.zeros_like(grey)]))
        read_only = grey.copy()
        read_only.flags.writeable = False
        self.assertEqual(self.runtime.logits(read_only), self.wanted)

    def test_other_arrays_say_how_to_convert_them(self):
        grey = numpy.asarray(self.picture.convert("L"))
        for array, kind, words in [
            (grey / 255, TypeError, r'\(255 \* array\).astype\("uint8"\)'),
            (grey.astype("int64"), TypeError, "not uint8"),
            (grey > 3, TypeError, "not uint8"),
            (numpy.zeros((3, 28, 28), numpy.uint8), ValueError, "transpose"),
            (numpy.zeros((1, 28, 28, 3), numpy.uint8), ValueError, "batch"),
            (numpy.frombuffer(COAT.read_bytes(), numpy.uint8), ValueError, "bytes"),
        ]:
            with self.assertRaisesRegex(kind, words):
                self.runtime.classify(array)
        self.assertEqual(self.runtime.classify(bytes(numpy.frombuffer(COAT.read_bytes(), numpy.uint8))).label, "coat")
        with self.assertRaises(Exception):
            self.runtime.classify(numpy.zeros((0, 0), numpy.uint8))


if __name__ == "__main__":
    unittest.main()
