"""One YAML file per bench, typed; the catalogue of telephones."""

from harness.inventory.bench import Bench, BenchState, DeviceState, find_bench
from harness.inventory.loading import load_inventory
from harness.inventory.models import (
    CapturePoint,
    Console,
    DhcpScope,
    Inventory,
    Line,
    Login,
    OutletRef,
    Pdu,
    Phone,
    PortRef,
    ProbeExtension,
    Role,
    SnmpV2,
    SnmpV3,
    Switch,
    System,
    VirtualSettings,
)
from harness.inventory.telephones import Model, Protocol, catalogue

__all__ = [
    "Bench",
    "BenchState",
    "CapturePoint",
    "Console",
    "DeviceState",
    "DhcpScope",
    "Inventory",
    "Line",
    "Login",
    "Model",
    "OutletRef",
    "Pdu",
    "Phone",
    "PortRef",
    "ProbeExtension",
    "Protocol",
    "Role",
    "SnmpV2",
    "SnmpV3",
    "Switch",
    "System",
    "VirtualSettings",
    "catalogue",
    "find_bench",
    "load_inventory",
]
