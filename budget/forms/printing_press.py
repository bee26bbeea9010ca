"""WeasyPrint, shut off from the network and from files: a form consists of what it is given."""

from collections.abc import Mapping

from weasyprint import HTML
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse


class AddressRefused(FatalURLFetchingError):  # type: ignore[misc] # published without types
    """A form points to something outside itself; none of ours does."""


class NothingOutside(URLFetcher):  # type: ignore[misc] # published without types
    """Gives out the pictures of the form by their addresses, and nothing else."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        super().__init__()
        self._pictures = pictures

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        if url not in self._pictures:
            raise AddressRefused(url)
        return URLFetcherResponse(url, self._pictures[url], {"Content-Type": "image/jpeg"})


def press(html: str, *, pictures: Mapping[str, bytes]) -> bytes:
    """Print a page in which `pictures`, JPEG files, go by the addresses given."""
    pdf: bytes = HTML(string=html, url_fetcher=NothingOutside(pictures)).write_pdf()
    return pdf
