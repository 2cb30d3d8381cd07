"""The event `reg` (RFC 3680): telling a telephone what became of its registration."""

import asyncio
from dataclasses import dataclass

from sipmessage import URI, Address, Parameters, Response

from virtual_bench import reginfo
from virtual_bench.sip import in_uri, new_request, new_tag, set_body, uri_transport
from virtual_bench.sip_flows import Flow
from virtual_bench.sip_transactions import COMPLETED, Transactions
from virtual_bench.units.bindings import Binding

ACTIVE = "active"
DEACTIVATED = "terminated;reason=deactivated"


@dataclass
class Subscription:
    """The dialog in which a telephone hears of its own registration; `number` is the next CSeq."""

    local: Address
    remote: Address
    target: URI
    call_id: str
    number: int = 1


@dataclass
class Way:
    """How a SIP telephone is reached: the flow that it registered on last."""

    flow: Flow
    contact: str
    subscription: Subscription | None = None


class Notifier:
    """Sends NOTIFY requests and sees to their repetition."""

    def __init__(self, domain: str, transactions: Transactions) -> None:
        self._domain, self._transactions = domain, transactions
        # asyncio itself holds its tasks by weak references only.
        self._running: set[asyncio.Task[Response | None]] = set()

    def notify(self, binding: Binding, state: str) -> None:
        """Tell the telephone of `binding` that its registration is in `state`."""
        way: Way = binding.way
        dialog = way.subscription or self._implicit(binding.extension, way)
        via = (way.flow.transport, way.flow.local)
        request = new_request("NOTIFY", dialog.target, dialog.local, dialog.remote, dialog.call_id, dialog.number, via)
        dialog.number += 1
        request.headers.set("Event", "reg")
        request.headers.set("Subscription-State", state)
        request.headers.set("Contact", contact_of(way.flow))
        aor = f"sip:{binding.extension}@{self._domain}"
        set_body(request, reginfo.TYPE, reginfo.document(aor, way.contact, registered=state == ACTIVE))
        task = asyncio.get_running_loop().create_task(self._transactions.ask(way.flow, request, COMPLETED))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _implicit(self, extension: str, way: Way) -> Subscription:
        """A dialog for a telephone that never subscribed, but is to hear of its end all the same."""
        user = URI("sip", self._domain, extension)
        local = Address(user, parameters=Parameters(tag=new_tag()))
        return Subscription(local, Address(user), URI.parse(way.contact), new_tag())


def contact_of(flow: Flow) -> str:
    """This end of a flow as a Contact."""
    return f"<sip:{in_uri(flow.local[0])}:{flow.local[1]};transport={uri_transport(flow.transport)}>"
