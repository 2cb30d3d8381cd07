"""The emulated lab: a bench of network namespaces, real daemons, emulated units and phones."""
