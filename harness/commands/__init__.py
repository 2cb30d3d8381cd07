"""Commands of `bench` that read captures and recordings; they need no bench and no root."""
