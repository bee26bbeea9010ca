"""The four official forms."""
