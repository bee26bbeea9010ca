"""The pictures of receipts, made small enough to print."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

from django.db.models.fields.files import FieldFile
from PIL import Image, ImageOps, UnidentifiedImageError

LARGEST_SIDE = 1_000  # pixels, about 300 to the inch at six receipts on a page
QUALITY = 80


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """`picture` is a JPEG file, or None where the file is no picture or is gone."""

    caption: str
    filename: str
    picture: bytes | None

    @property
    def address(self) -> str:
        return f"receipt:{hashlib.sha256(self.picture or b'').hexdigest()}"


def read_picture(*, file: FieldFile) -> bytes | None:
    try:
        with file.open("rb") as content, Image.open(content) as picture:
            return _shrink(picture)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def _shrink(picture: Image.Image) -> bytes:
    """Turn it as the camera was held, and make it small."""
    picture.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    buffer = BytesIO()
    upright.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
