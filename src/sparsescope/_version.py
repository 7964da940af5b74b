"""The version of the package, in this one place; packaging, the command line and the metadata read it here."""

__version__ = "0.1.0"
