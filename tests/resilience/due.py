"""Who is concerned by what is judged, by the configuration that the bench states (clauses.md, *Due to move*)."""

from fixtures.judging import cannot_judge
from harness.inventory import Inventory, Phone, Protocol, kept_out, stays_away, stays_put


def need_let_in(inventory: Inventory, protocol: Protocol) -> None:
    """Nobody of that protocol is ever let in where the failover system is not configured for it."""
    if reason := kept_out(inventory, protocol):
        cannot_judge(reason)


def need_stated_to_move(inventory: Inventory, phone: Phone) -> None:
    """A phone that by what is stated stays where it is, whatever happens to home, is not due to move."""
    if reason := stays_put(inventory, phone):
        cannot_judge(reason)


def need_stated_to_return(inventory: Inventory, phone: Phone) -> None:
    """Nor is one due to return that never moves, or that goes home only by hand."""
    need_stated_to_move(inventory, phone)
    if reason := stays_away(inventory, phone):
        cannot_judge(reason)


def need_outlet(phone: Phone) -> None:
    """Only a phone whose power can be switched off and on shows what it does from power on."""
    if phone.outlet is None:
        cannot_judge("the phone hangs on no outlet of this bench")
