"""The emulated IP Office units: a small init each, and the services that it starts, ends, starts again."""
