"""What an episode is: a scripted outage, run once and judged by every test that needs it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base.errors import ConfigurationFault
from harness.base.units import BenchSeconds
from harness.inventory import Inventory

if TYPE_CHECKING:
    from harness.episodes.lab import Lab


@dataclass(frozen=True)
class Episode:
    """One scripted outage.

    `play` does it to a lab; `expected` is how long that takes at most on a conforming bench, `least` how long it must
    last for its clauses to be judged at all, both in bench seconds; `touches` names what it disturbs, for the header
    that is printed before anything is. What an episode that does not say lasts at least is nothing. `lacks`: what a
    bench would need besides for it to be played there; "" where it has all.
    """

    name: str
    sentence: str
    play: Callable[["Lab"], None]
    expected: Callable[[Inventory], BenchSeconds]
    touches: tuple[str, ...]
    least: Callable[[Inventory], BenchSeconds] = lambda _: BenchSeconds(0)
    lacks: Callable[[Inventory], str] = lambda _: ""


_library: dict[str, Episode] = {}


def episode(
    sentence: str,
    expected: Callable[[Inventory], BenchSeconds],
    touches: tuple[str, ...],
    least: Callable[[Inventory], BenchSeconds] = lambda _: BenchSeconds(0),
    lacks: Callable[[Inventory], str] = lambda _: "",
) -> Callable[[Callable[["Lab"], None]], Callable[["Lab"], None]]:
    """Put a function of a `Lab` into the library under its own name."""

    def register(play: Callable[["Lab"], None]) -> Callable[["Lab"], None]:
        _library[play.__name__] = Episode(play.__name__, sentence, play, expected, touches, least, lacks)
        return play

    return register


def library() -> dict[str, Episode]:
    """Every episode by its name."""
    import harness.episodes.blocking
    import harness.episodes.manual
    import harness.episodes.outages
    import harness.episodes.softphones  # noqa: F401  (their episodes register themselves)

    return dict(_library)


def find_episode(name: str) -> Episode:
    """The episode called `name`. Raises ConfigurationFault."""
    found = library().get(name)
    if found is None:
        raise ConfigurationFault(
            f"there is no episode '{name}'.", next_step=f"name one of: {', '.join(sorted(library()))}."
        )
    return found
