"""What is held after everything else has run: `./lab test` does this last."""
