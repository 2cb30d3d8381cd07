"""Hardware-in-the-loop tests of Avaya IP Office phone resilience."""

__version__ = "0.1.0"
