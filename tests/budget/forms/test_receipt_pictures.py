"""Photographs as they come from a telephone: large, turned, broken, or no photographs at all."""

import io

import pytest
from django.core.files.base import ContentFile
from PIL import Image

from budget.forms.receipt_pictures import read_picture
from tests.factories import ReceiptScanFactory

TURNED = 6  # EXIF: the camera was held upright


def photograph(size, *, file_format="JPEG", orientation=1):
    picture = Image.new("RGB", size, "white")
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    picture.save(buffer, file_format, exif=exif)
    return buffer.getvalue()


@pytest.fixture
def stored(settings, tmp_path):
    """Return a function that gives a scan its file."""
    settings.MEDIA_ROOT = tmp_path

    def store(content):
        scan = ReceiptScanFactory.build(file="")
        scan.file.save("receipt", ContentFile(content), save=False)
        return scan.file

    return store


class TestReadPicture:
    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_makes_it_small(self, stored, file_format):
        content = read_picture(file=stored(photograph((1_600, 3_200), file_format=file_format)))

        picture = Image.open(io.BytesIO(content))
        assert (picture.format, picture.size) == ("JPEG", (500, 1_000))

    def test_turns_it_as_the_camera_was_held(self, stored):
        content = read_picture(file=stored(photograph((400, 200), orientation=TURNED)))

        assert Image.open(io.BytesIO(content)).size == (200, 400)

    @pytest.mark.parametrize("content", [b"%PDF-1.7", photograph((900, 900))[:300]])
    def test_has_nothing_to_show_of_other_files_and_broken_ones(self, stored, content):
        assert read_picture(file=stored(content)) is None

    def test_has_nothing_to_show_of_a_file_that_is_gone(self, stored):
        file = stored(photograph((9, 9)))
        file.storage.delete(file.name)

        assert read_picture(file=file) is None
