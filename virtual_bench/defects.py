"""Defects: deliberate departures from the specification, to show that a test can fail.

A defect changes the `Conduct` of one system, or of the telephones of one family, and nothing else, so that no unit
and no telephone has a branch for any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.base.errors import ConfigurationFault
from harness.inventory import Role, catalogue


@dataclass(frozen=True)
class Conduct:
    """What the systems and the telephones go by; bench seconds (IP Office Resilience 12.2: 3, 10 and 5 minutes).

    `opens_after` the last sight of home phones are let in, `None`: never, and `opens_from_records`: so long after home
    last told of its registrations instead, once it is out of sight; `returns_after` home became visible
    again they are sent back; for `grace` after that they may still be at the failover system. DHCP is served
    `dhcp_in` failover, and besides `dhcp_before` and `dhcp_after` it; with `dhcp_domain` in place of home's domain,
    and with `dhcp_relayed_only` to nobody who asks without a relay. `numbers_apart`: home's DHCP sends the failover
    system's own phones there, by an option of another number.
    `blocks`: home's phones are kept out in normal operation. `counts_anew`: a home that is lost again has to be
    visible for all of `returns_after` once more; `counts_from_loss`: they are counted from when it was lost. By TLS
    phones are shown its own certificate, or `shows_certificate_of` another unit. Softphones are let in once a physical
    phone has been, or `softphones_after` the last sight of home without one; telephones of the family `keeps_out`
    never; `admits_handsets`: nor are those of a base without it. `forgets`: a restart clears the records (IP Office
    Resilience 12.2). `admits_strangers`: users of home that never registered there are let in like the others;
    `checks_passwords`.
    `guests_take_licences`; `guests_need_licences`: without a free one none is let in.
    `heeds_manual`: where home states manual failback, H.323 phones stay; `keeps_rebooted` and `keeps_logged_out`: those
    are claimed from home even so.
    `learns_again`: a phone whose record went is known again when home tells of it anew over the same connection.
    `serves_anyway`: also what is stated to be off. `heeds_domain`: only requests for its own SIP domain are taken.
    `drops_guests`: after the grace nobody who is there may stay. `waits_for_all`: nobody is let in before every phone
    of home has asked. `needs_line`: home serves no phone while it does not see the failover system.
    A telephone `heeds_others` than its first system. Away from that it `goes_home`, and where it is refused there it
    waits for `asks_again_after` besides its usual pause; it `refreshes_away`, also `once_home_answers`.
    """

    opens_after: float | None = 180.0
    opens_from_records: bool = False
    # "More than 10 minutes": the first whole second after them.
    returns_after: float = 601.0
    grace: float = 300.0
    blocks: bool = True
    counts_anew: bool = True
    counts_from_loss: bool = False
    forgets: bool = True
    admits_strangers: bool = False
    checks_passwords: bool = True
    learns_again: bool = True
    guests_take_licences: bool = False
    guests_need_licences: bool = False
    drops_guests: bool = True
    waits_for_all: bool = False
    dhcp_in: bool = True
    dhcp_before: bool = False
    dhcp_after: bool = False
    dhcp_domain: str | None = None
    dhcp_relayed_only: bool = False
    numbers_apart: bool = True
    shows_certificate_of: Role | None = None
    softphones_after: float | None = None
    keeps_out: str | None = None
    admits_handsets: bool = True
    serves_anyway: bool = False
    heeds_domain: bool = True
    heeds_manual: bool = True
    keeps_rebooted: bool = False
    keeps_logged_out: bool = False
    needs_line: bool = False
    heeds_others: bool = True
    goes_home: bool = True
    asks_again_after: float = 0.0
    refreshes_away: bool = True
    once_home_answers: bool = True

    def refreshes(self, home_answered: bool) -> bool:
        """Whether a telephone away from its first system refreshes; that one has answered it meanwhile, or not."""
        return self.refreshes_away and (self.once_home_answers or not home_answered)


CONFORMING = Conduct()


class Change(Protocol):
    """What a defect does to the conduct."""

    def __call__(self, conduct: Conduct) -> Conduct:
        """The conduct with the defect."""
        ...


@dataclass(frozen=True)
class Defect:
    """One defect: a sentence on it, the clauses it violates, and its `player`: a role, or a family of telephones.

    `bench`: the inventory whose phones and settings make it show.
    """

    name: str
    sentence: str
    clauses: tuple[str, ...]
    change: Change
    player: str = "failover"
    bench: str = "virtual"


def _keeps_out(family: str, clause: str) -> Defect:
    return Defect(
        f"keeps-out-{family.lower()}",
        f"The failover system keeps telephones of the family {family} out, in failover as well.",
        ("FO-ALLOW", clause),
        lambda conduct: replace(conduct, keeps_out=family),
        bench="virtual-all",
    )


DEFECTS = {
    defect.name: defect
    for defect in (
        Defect(
            "early-admission",
            "The failover system lets phones in 30 s early, 150 s after it lost sight of home.",
            ("FO-DELAY",),
            lambda conduct: replace(conduct, opens_after=150.0),
        ),
        Defect(
            "early-failback",
            "The failover system sends phones back after 8 minutes instead of more than 10.",
            ("FB-DELAY",),
            lambda conduct: replace(conduct, returns_after=480.0),
        ),
        Defect(
            "no-admission",
            "The failover system never lets phones of home in.",
            ("FO-ALLOW",),
            lambda conduct: replace(conduct, opens_after=None),
        ),
        Defect(
            "open-door",
            "The failover system lets home's phones in for as long as its line to home is up.",
            ("REG-BLOCK", "FO-DELAY"),
            lambda conduct: replace(conduct, blocks=False),
        ),
        Defect(
            "hasty-admission",
            "The failover system lets phones in 90 s after it lost sight of home, also where home merely reboots.",
            ("FO-DELAY", "FO-SHORT"),
            lambda conduct: replace(conduct, opens_after=90.0),
        ),
        Defect(
            "counts-from-registration",
            "The failover system counts the 3 minutes from when a phone last came to home or went, not from the loss.",
            ("FO-DELAY", "FO-SHORT"),
            lambda conduct: replace(conduct, opens_from_records=True),
        ),
        Defect(
            "late-failback",
            "The failover system sends phones back only after 20 minutes.",
            ("FB-IDLE-RETURN", "FB-AUTO"),
            lambda conduct: replace(conduct, returns_after=1200.0),
        ),
        Defect(
            "counts-on",
            "The failover system counts the 10 minutes from when home was first visible, though it was lost again.",
            ("FB-FLAP",),
            lambda conduct: replace(conduct, counts_anew=False),
        ),
        Defect(
            "counts-from-loss",
            "The failover system counts the 10 minutes from when home was lost, not from when it is visible again.",
            ("FB-DELAY",),
            lambda conduct: replace(conduct, counts_from_loss=True),
        ),
        Defect(
            "keeps-records",
            "The failover system still knows home's phones after its own restart, and lets them in again.",
            ("FO-RESTART",),
            lambda conduct: replace(conduct, forgets=False),
        ),
        Defect(
            "lets-strangers-in",
            "The failover system lets in all users of home, also those that had not registered there.",
            ("FO-ONLY",),
            lambda conduct: replace(conduct, admits_strangers=True),
        ),
        Defect(
            "any-password",
            "The failover system lets home's phones in whatever password they give.",
            ("FO-ONLY",),
            lambda conduct: replace(conduct, checks_passwords=False),
        ),
        Defect(
            "guests-take-licences",
            "The failover system counts a licence for each phone of home that it lets in.",
            ("GUEST",),
            lambda conduct: replace(conduct, guests_take_licences=True),
        ),
        Defect(
            "guests-need-licences",
            "The failover system lets home's phones in only while it has free licences.",
            ("FO-ALLOW",),
            lambda conduct: replace(conduct, guests_need_licences=True),
        ),
        Defect(
            "stale-records",
            "The failover system does not learn that a phone whose record went has registered at home anew.",
            ("FO-SYNC",),
            lambda conduct: replace(conduct, learns_again=False),
        ),
        Defect(
            "returns-manual-phones",
            "The failover system sends H.323 phones home by itself, though failback is manual.",
            ("FB-MANUAL",),
            lambda conduct: replace(conduct, heeds_manual=False),
            bench="virtual-manual",
        ),
        Defect(
            "keeps-rebooted-phones",
            "Where failback is manual, the failover system keeps a phone that was rebooted, and has home refuse it.",
            ("FB-MANUAL-REBOOT",),
            lambda conduct: replace(conduct, keeps_rebooted=True),
            bench="virtual-manual",
        ),
        Defect(
            "keeps-logged-out-phones",
            "Where failback is manual, the failover system keeps a phone that was logged out, and has home refuse it.",
            ("FB-MANUAL-LOGOUT",),
            lambda conduct: replace(conduct, keeps_logged_out=True),
            bench="virtual-manual",
        ),
        Defect(
            "serves-sip-anyway",
            "The failover system lets SIP phones in, though it states that it supports no SIP extensions.",
            ("CFG-SIP",),
            lambda conduct: replace(conduct, serves_anyway=True),
            bench="virtual-no-sip",
        ),
        Defect(
            "serves-h323-anyway",
            "The failover system lets H.323 phones in, though it states that it supports no H.323 extensions.",
            ("CFG-H323",),
            lambda conduct: replace(conduct, serves_anyway=True),
            bench="virtual-no-h323",
        ),
        Defect(
            "serves-portal-anyway",
            "The failover system's portal serves home's clients, though its resilience is stated to be off.",
            ("PHONE-WEBRTC",),
            lambda conduct: replace(conduct, serves_anyway=True),
            bench="virtual-no-portal",
        ),
        Defect(
            "admits-other-domain",
            "The failover system lets SIP phones in that ask for another domain than its own.",
            ("CFG-DOMAIN",),
            lambda conduct: replace(conduct, heeds_domain=False),
            bench="virtual-other-domain",
        ),
        Defect(
            "serves-ipv6-anyway",
            "The failover system lets phones in by IPv6, though it states that it supports no IPv6 extensions.",
            ("CFG-IPV6",),
            lambda conduct: replace(conduct, serves_anyway=True),
            bench="virtual-no-ipv6",
        ),
        Defect(
            "waits-for-all",
            "The failover system lets nobody in before every phone of home has asked.",
            ("FO-ROUTE",),
            lambda conduct: replace(conduct, waits_for_all=True),
        ),
        Defect(
            "no-grace",
            "The failover system refuses phones as soon as they are to go back, also those that cannot reach home.",
            ("HP-GRACE",),
            lambda conduct: replace(conduct, grace=0.0),
        ),
        Defect(
            "long-grace",
            "The failover system lets phones in for 400 s after they are to go back, instead of 300.",
            ("HP-END",),
            # No longer: the next episode's normal operation must not begin within it.
            lambda conduct: replace(conduct, grace=400.0),
        ),
        Defect(
            "guests-stay",
            "The failover system goes on confirming phones that have been there since before the grace ended.",
            ("HP-END",),
            lambda conduct: replace(conduct, drops_guests=False),
        ),
        Defect(
            "no-backup-dhcp",
            "The failover system serves no DHCP in failover either.",
            ("DHCP-BACKUP",),
            lambda conduct: replace(conduct, dhcp_in=False),
        ),
        Defect(
            "dhcp-always",
            "The failover system serves DHCP all the time, also before home is lost and after it is back.",
            ("DHCP-OFF", "DHCP-END"),
            lambda conduct: replace(conduct, dhcp_before=True, dhcp_after=True),
        ),
        Defect(
            "dhcp-goes-on",
            "The failover system goes on serving DHCP after the phones have gone back, for good.",
            ("DHCP-END", "DHCP-OFF"),
            lambda conduct: replace(conduct, dhcp_after=True),
        ),
        Defect(
            "dhcp-own-data",
            "The failover system gives phones its own domain by DHCP, not home's.",
            ("DHCP-DATA",),
            lambda conduct: replace(conduct, dhcp_domain="failover.example"),
        ),
        Defect(
            "dhcp-relayed-only",
            "The failover system serves DHCP only through relays, also where phones are in its own network.",
            ("DHCP-RELAY",),
            lambda conduct: replace(conduct, dhcp_relayed_only=True),
            bench="virtual-one-subnet",
        ),
        Defect(
            "one-number-for-all",
            "Home's DHCP tells the failover system's own phones, too, to register at home.",
            ("DHCP-SSON",),
            lambda conduct: replace(conduct, numbers_apart=False),
            player="home",
        ),
        Defect(
            "needs-line",
            "Home serves no phone while it does not see the failover system.",
            ("FO-ALLOW",),
            lambda conduct: replace(conduct, needs_line=True),
            player="home",
        ),
        Defect(
            "anothers-certificate",
            "The failover system shows phones a certificate that is home's, and not in its own name.",
            ("CFG-CERT", "FO-ALLOW"),
            lambda conduct: replace(conduct, shows_certificate_of=Role.HOME),
            bench="virtual-tls",
        ),
        Defect(
            "softphones-alone",
            "The failover system lets softphones in after 3 minutes, though no physical phone has come.",
            ("FO-PHYS", "FO-SOFT-AFTER"),
            lambda conduct: replace(conduct, softphones_after=180.0),
            bench="virtual-all",
        ),
        Defect(
            "softphones-first",
            "The failover system waits 11 minutes for a physical phone, and then lets softphones in without one.",
            ("FO-SOFT-AFTER",),
            lambda conduct: replace(conduct, softphones_after=660.0),
            bench="virtual-all",
        ),
        Defect(
            "base-without-handsets",
            "The failover system lets a base of handsets in, but none of its handsets.",
            ("PHONE-DECT",),
            lambda conduct: replace(conduct, admits_handsets=False),
            bench="virtual-all",
        ),
        Defect(
            "ignores-second-system",
            "J100 telephones try no system but their first.",
            ("FO-ALLOW", "PHONE-J100"),
            lambda conduct: replace(conduct, heeds_others=False),
            player="J100",
        ),
        Defect(
            "lets-registration-lapse",
            "1600 telephones do not refresh their registration at the failover system.",
            ("FO-ALLOW", "PHONE-1600"),
            lambda conduct: replace(conduct, refreshes_away=False),
            player="1600",
        ),
        Defect(
            "leaves-early",
            "J100 telephones no longer refresh at the failover system once home answers, and so are home too early.",
            ("FB-DELAY", "PHONE-J100"),
            lambda conduct: replace(conduct, once_home_answers=False),
            player="J100",
        ),
        Defect(
            "asks-home-late",
            "1140E telephones that home has refused ask there again only after 14 minutes.",
            ("FB-IDLE-RETURN", "FB-AUTO", "PHONE-1140"),
            lambda conduct: replace(conduct, asks_again_after=840.0),
            player="1140",
        ),
        Defect(
            "stays-until-refused",
            "9600 telephones stay at the failover system until that refuses them.",
            ("FB-IDLE-RETURN", "FB-AUTO", "PHONE-9600"),
            lambda conduct: replace(conduct, goes_home=False),
            player="9600",
        ),
        *(
            _keeps_out(family, clause)
            for family, clause in {model.family: model.clause for model in catalogue().values()}.items()
        ),
    )
}


def apply_defects(conduct: Conduct, names: Sequence[str], player: str) -> Conduct:
    """`conduct` as those of the named defects make it that are the player's. Raises ConfigurationFault for no name."""
    for name in names:
        if name not in DEFECTS:
            raise ConfigurationFault(
                f"there is no defect '{name}'.", next_step=f"name one of: {', '.join(sorted(DEFECTS))}."
            )
        if DEFECTS[name].player == player:
            conduct = DEFECTS[name].change(conduct)
    return conduct
