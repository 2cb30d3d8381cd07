"""Names the plugin modules; everything else is in `fixtures/`."""

pytest_plugins = [
    "fixtures.options",
    "fixtures.episodes",
    "fixtures.bench",
    "fixtures.telephones",
    "fixtures.lab",
    "fixtures.outcomes",
    "fixtures.reporting",
]
