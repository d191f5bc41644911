"""`Trader`: from an opportunity to a settled deal, and everything that has to be looked after meanwhile.

    async with Trader(...) as trader:
        await trader.run(until)

An error in any callback or task ends the body of the context and comes out of it; the journal is complete by then, and
the next start settles what was open.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import TracebackType
from typing import NamedTuple, Protocol

import msgspec

from oneprice.errors import ExchangeAPIError, NetworkError, NotSupported
from oneprice.ledger.blackbox import BlackBox, Told
from oneprice.ledger.deals import Deal
from oneprice.ledger.records import Alarmed, RunEnded, RunStarted, Switched
from oneprice.market.opportunities import Sized, Standing
from oneprice.market.supervisor import Supervisor
from oneprice.model import SymbolInfo, TimeInForce
from oneprice.model.deals import DealState, Plan
from oneprice.trade.approved import Refusal
from oneprice.trade.auditor import Auditor
from oneprice.trade.breakers import Breakers
from oneprice.trade.cancelling import Cancelling
from oneprice.trade.candidates import Candidates
from oneprice.trade.dead_man import DeadMan
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.funding import Funding
from oneprice.trade.gates import Gates
from oneprice.trade.kill import KillSwitch
from oneprice.trade.marks import Marks
from oneprice.trade.netting import Netting
from oneprice.trade.recorder import Recorder
from oneprice.trade.recovery import Recovery
from oneprice.trade.rehearsal import Command, Rehearsal
from oneprice.trade.residuals import Residuals, held
from oneprice.trade.sender import Sender
from oneprice.trade.strategies import Pull, Quote, Quoting, Strategy
from oneprice.trade.switches import VenueHealth
from oneprice.trade.tracker import Tracker

MS = 1_000_000
LOOK_EVERY_S = 0.02
LATER_S = 2.0
SLOW_S = 5.0
UNCLAIMED_EVERY_NS = 2_000 * MS
STAGES_KEPT = 20_000
AGAIN_AFTER_NS = MS
"""An opportunity that was refused is not tried again within: its book changes many times a millisecond."""


class Stages(NamedTuple):
    """Monotonic times of one plan's way, in nanoseconds: the frame came, a plan was made, the gates had approved it,
    its intents were journaled, its last order was handed to the network."""

    received: int
    decided: int
    approved: int
    journaled: int
    sent: int


class Kept(Protocol):
    """A journal, as its owner keeps it. Raises JournalError."""

    def sync(self) -> None:
        """Return when all of it is on the disk."""

    def close(self) -> None:
        """Let go of the folder."""


class RunFacts(NamedTuple):
    """What the journal's first record of a run says."""

    mode: str
    build: str
    config_hash: str
    config: str


class Trader:
    """`desk`, `ledger`, `blackbox`, `refusals` (how often each gate said no), `stages` and `reports` are for reading.

    `strategies` turn opportunities into plans, `quoting` rests orders. The market must be running, the accounts not yet
    open: `start` opens and reconciles them, and only then arms.
    """

    def __init__(
        self,
        desk: Desk,
        recorder: Recorder,
        facts: RunFacts,
        engine: str,
        *,
        strategies: Sequence[Strategy],
        quoting: Sequence[Quoting],
        blackbox: BlackBox,
        kill: KillSwitch,
        funding: Funding,
        journal: Kept,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.desk, self.recorder, self.ledger, self.blackbox = desk, recorder, recorder.ledger, blackbox
        self.facts = facts
        self.refusals: Counter[str] = Counter()
        self.stages: deque[Stages] = deque(maxlen=STAGES_KEPT)
        self.marks = Marks(desk)
        self.ended = ""
        self._clock, self._supervisor = desk.clock, Supervisor()
        self._strategies, self._quoting = strategies, quoting
        self._kill, self._funding, self._journal, self._tell = kill, funding, journal, tell
        self.gates = Gates(desk)
        self.breakers = Breakers(desk.settings.breaker, list(desk.accounts))
        candidates = Candidates(desk, self.gates)
        self.residuals = Residuals(
            desk, recorder, self.marks, candidates, self.submit, self._on_settled, self._on_holding
        )
        self.netting = Netting(desk, recorder, self.marks, candidates, self.submit)
        self.tracker = Tracker(
            engine,
            desk.accounts,
            recorder,
            desk.clock,
            self._supervisor,
            evidence_s_max=desk.settings.risk.evidence_s_max,
            progress=self.residuals.consider,
            heard=self._on_heard,
            stream=self._on_stream,
            stranger=self._on_stranger,
        )
        self.sender = Sender(engine, desk.accounts, recorder, self.tracker.answered)
        self.cancelling = Cancelling(desk.accounts, recorder, self.tracker, self._supervisor, desk.clock)
        self.auditor = Auditor(desk, recorder, self.tracker)
        self.rehearsal: Rehearsal | None = None
        self._dead_man = DeadMan(desk.accounts, desk.clock, desk.settings.dead_man_s, self.alarm, self._resting)
        self._recovery = Recovery(desk.accounts, recorder, self.tracker, desk.clock)
        self._figures: dict[str, SymbolInfo] = {}
        self._not_before: dict[tuple[int, int, int], int] = {}
        self._stop_listening: list[Callable[[], None]] = []
        self._unclaimed_ns = 0
        self._over = asyncio.Event()

    def rehearse(self, command: Command) -> None:
        """From now on the loop never sleeps, and keeps the way of a plan warm: see `Rehearsal`."""
        self.rehearsal = Rehearsal(self.gates, self.sender, command, self._clock)
        self.rehearsal.start()

    # ---- its life

    async def __aenter__(self) -> Trader:
        await self._supervisor.__aenter__()
        try:
            await self._start()
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.desk.switches.armed = False
        self.desk.market.on_opportunity = self.desk.market.on_opportunity_over = None
        if self.rehearsal is not None:
            self.rehearsal.stop()
        self.tracker.close()
        try:
            await self._supervisor.__aexit__(kind, error, trace)
        except BaseException as failure:
            error = failure
            raise
        finally:
            try:
                await self._leave(error)
            finally:
                self.blackbox.close()
                self._journal.close()

    async def _leave(self, error: BaseException | None) -> None:
        """Nothing of ours stays open where nobody looks after it; what is on its way is waited for."""
        await self.cancelling.leave_none()
        for stop in self._stop_listening:
            stop()
        if error is None and all(order.is_over for order in self.ledger.orders.values()):
            await self._dead_man.disarm()
        await self._close_accounts()
        await self.sender.settle()
        if error is None:
            self.recorder.write(RunEnded(wall_ns=self.recorder.wall_ns(), reason=self.ended or "the run is over"))

    async def _start(self) -> None:
        """Open, reconcile, arm. Raises what keeps an account from being opened."""
        facts = self.facts
        self.recorder.write(
            RunStarted(
                wall_ns=self.recorder.wall_ns(),
                run=self.ledger.run + 1,
                mode=facts.mode,
                build=facts.build,
                config_hash=facts.config_hash,
                config=facts.config,
            )
        )
        self._journal.sync()  # a run whose number is lost would give its order ids a second time
        recovery = self._recovery
        recovery.know_listings([book.info for book in self.desk.market.books if book.market in self.desk.accounts])
        self._stop_listening = self.tracker.follow()
        await self._open_accounts()
        opened = await recovery.open_books()
        await recovery.settle()
        await self.auditor.audit_all("start", but=opened)
        self.residuals.look(self._clock.monotonic_ns())
        recovery.let_go(self.desk.switches)
        self.gates.remember(self.recorder.wall_ns(), self._clock.monotonic_ns())
        self.desk.market.on_opportunity = self.on_opportunities
        self.desk.market.on_opportunity_over = self.on_opportunity_over
        self._supervisor.spawn(self._look_on(), "looking after deals")
        self._supervisor.spawn(self._kill.watch(self._on_kill), "kill switch")
        self._supervisor.spawn(self._dead_man.run(), "dead man's switches")
        self._supervisor.spawn(self.auditor.run(), "audit")
        self._supervisor.spawn(self._funding.run(), "funding rates")
        self._supervisor.spawn(self._later(recovery), "what can wait")
        if not self._kill.look():
            self._arm()

    async def _open_accounts(self) -> None:
        """All at the same time; who watches hears which of them takes long, and why."""
        opening = {name: asyncio.ensure_future(account.open()) for name, account in self.desk.accounts.items()}
        try:
            _, slow = await asyncio.wait(opening.values(), timeout=SLOW_S)
            for name, one in opening.items():
                if self._tell is not None and one in slow:
                    why = self.desk.accounts[name].standing().reason
                    self._tell(
                        f"{name}: its account is not open after {SLOW_S:g} s: {why}. Nothing is sent before it is"
                    )
            await asyncio.gather(*opening.values())
        finally:
            for one in opening.values():
                one.cancel()

    async def _close_accounts(self) -> None:
        for account in self.desk.accounts.values():
            await account.close()

    async def _later(self, recovery: Recovery) -> None:
        """What draws on rate limits and keeps nobody from trading."""
        await self._clock.sleep(LATER_S)
        await self._ask_fees()
        await recovery.look_further()

    async def _ask_fees(self) -> None:
        """The accounts' own fees; until they are told, or where they cannot be asked for, those of the rules stand."""

        async def ask(name: str) -> None:
            for book in [one for one in self.desk.market.books if one.market == name]:
                try:
                    fee = await self.desk.accounts[name].fees(book.info)
                except (NetworkError, ExchangeAPIError, NotSupported) as error:
                    self.alarm("fees", f"{name}: the account's own fees are not known ({error}); the rules' are used")
                    return
                self.desk.taker_fees[listing_key(book.info)] = fee.taker
                self.desk.maker_fees[listing_key(book.info)] = fee.maker

        await asyncio.gather(*(ask(name) for name in self.desk.accounts))

    def _arm(self) -> None:
        self.desk.switches.armed = True
        self._switch("armed", "on", "accounts are reconciled")

    async def run(self, seconds: float = 0.0) -> None:
        """Trade for so long, or until `stop` or `kill`. Raises what breaks the engine."""
        try:
            async with asyncio.timeout(seconds or None):
                await self._over.wait()
        except TimeoutError:
            self.ended = f"{seconds:g} s are over"

    # ---- stopping

    async def stop(self, reason: str, *, flatten: bool = False, within_s: float = 20.0) -> bool:
        """No more entries; quotes are pulled, deals brought to their end, held positions too with `flatten`. Whether
        everything had ended in time; what has not stands in the journal, and the next start goes on with it."""
        self.ended = reason
        if self.desk.switches.armed:
            self.desk.switches.armed = False
            self._switch("armed", "off", reason)
        deadline_ns = self._clock.monotonic_ns() + int(within_s * 1e9)
        while self._clock.monotonic_ns() < deadline_ns:
            self.cancelling.pull_all(reason)
            if flatten:
                self.flatten(reason)
            if not self._unfinished(flatten):
                break
            await self._clock.sleep(LOOK_EVERY_S)
        await self.auditor.audit_all("stop")
        self._over.set()
        return not self._unfinished(flatten)

    def _unfinished(self, flatten: bool) -> list[int]:
        """Deals that still do something."""
        resting = (DealState.HOLDING,) if not flatten else ()
        return [number for number, deal in self.ledger.deals.items() if deal.state not in resting]

    def flatten(self, reason: str) -> None:
        """Close what deals hold, as far as it is not being closed."""
        now_ns = self._clock.monotonic_ns()
        for number, deal in list(self.ledger.deals.items()):
            if held(deal) and deal.is_quiet():  # fills that are not booked yet are not seen by what closes
                for strategy in self._strategies:
                    plan = strategy.close(number, deal, reason, now_ns)
                    if plan is not None:
                        self.submit(plan)
                        break

    def kill(self, reason: str) -> None:
        """Nothing that adds risk is sent any more, and all our orders are cancelled. At once, and for good: the data
        folder's KILL file keeps the next start from arming, too."""
        try:
            self._kill.pull(reason)
        except OSError as error:
            self.alarm("kill", f"killed, but the file that keeps it so cannot be made: {error}")

    def _on_kill(self, reason: str) -> None:
        self.desk.switches.kill = reason
        self.desk.switches.armed = False
        self.cancelling.pull_all(f"kill: {reason}")
        self._switch("kill", "on", reason)
        self.ended = f"killed: {reason}"

    def end(self) -> None:
        """Have `run` return."""
        self._over.set()

    # ---- the way of an opportunity

    def on_opportunities(self, now_ns: int) -> None:
        """A frame has opened or changed opportunities. Called in the frame's own turn."""
        stand = self.desk.market.hub.opportunities()
        for told in stand:
            if told[2] == now_ns:
                standing = _standing(told)
                if standing.updates > 1 and now_ns < self._not_before.get(standing.key, 0):
                    self.blackbox.moved(standing, now_ns, standing.sized.net_atto)
                else:
                    self._take(standing, now_ns)
        if len(stand) < self.blackbox.standing:
            self.blackbox.gone(stand, now_ns)

    def on_opportunity_over(self, told: tuple[object, ...], now_ns: int) -> None:
        """The hub tells that one is gone."""
        standing = _standing(told)
        self._not_before.pop(standing.key, None)
        self.blackbox.over(standing, now_ns)

    def _take(self, standing: Standing, now_ns: int) -> None:
        why = ""
        for strategy in self._strategies:
            plan = strategy.on_opportunity(standing, now_ns)
            if isinstance(plan, Plan):
                decided_ns = self._clock.monotonic_ns()
                plan = msgspec.structs.replace(plan, opportunity=self.blackbox.number_of(standing))
                result = self.submit(plan, received_ns=now_ns, decided_ns=decided_ns)
                if isinstance(result, Refusal):
                    self._not_before[standing.key] = now_ns + AGAIN_AFTER_NS
                    told = Told(result.gate, result.text, 0)
                else:
                    told = Told("", "", result)
                    if self.rehearsal is not None:
                        self.rehearsal.saw(strategy, standing, plan, now_ns)
                self.blackbox.seen(standing, told, now_ns, standing.sized.net_atto)
                return
            if plan is not None:
                why = f"{strategy.name}: {plan}"
        self._not_before[standing.key] = now_ns + AGAIN_AFTER_NS
        told = Told("strategy", why or "no strategy that is on trades this", 0)
        self.blackbox.seen(standing, told, now_ns, standing.sized.net_atto)

    def submit(self, plan: Plan, *, received_ns: int = 0, decided_ns: int = 0) -> int | Refusal:
        """Gates, journal, send. Gives the deal's number, or which gate refused and why."""
        clock_ns = self._clock.monotonic_ns
        for leg in plan.legs:
            if self._figures.get(key := listing_key(leg.listing)) is not leg.listing:
                self._recovery.know_listings([leg.listing])
                self._figures[key] = leg.listing
        began_ns = clock_ns()
        approved = self.gates.approve(plan, began_ns)
        if isinstance(approved, Refusal):
            self.refusals[approved.gate] += 1
            return approved
        approved_ns = clock_ns()
        journaled = self.sender.journal(approved)
        journaled_ns = clock_ns()
        for _, order, _ in journaled.orders:
            self.tracker.sent(order.client_order_id)
        sent_ns = self.sender.send(journaled)
        self.gates.sent(approved, began_ns)
        if received_ns:
            self.stages.append(Stages(received_ns, decided_ns, approved_ns, journaled_ns, sent_ns))
        return journaled.deal

    # ---- looking after

    async def _look_on(self) -> None:
        while True:
            now_ns = self._clock.monotonic_ns()
            self._look(now_ns)
            await self._clock.sleep(LOOK_EVERY_S)

    def _look(self, now_ns: int) -> None:
        self.tracker.look(now_ns)
        self.residuals.look(now_ns)
        self.netting.look(now_ns)
        for account, health, reason in self.breakers.look(now_ns):
            self.desk.switches.health[account] = (health, reason)
            self._switch(f"venue:{account}", health.name.lower(), reason)
            if health is VenueHealth.FLAT:
                self.flatten(f"{account}: {reason}")
        if self.desk.switches.kill:
            self.cancelling.pull_all("kill")
        for strategy in self._strategies:
            for plan in strategy.on_tick(now_ns):
                self.submit(plan)
        for quoting in self._quoting:
            self._quote(quoting, now_ns)
        if now_ns - self._unclaimed_ns > UNCLAIMED_EVERY_NS:
            self._unclaimed_ns = now_ns
            for fill in self.tracker.external.unclaimed():
                self.tracker.book(f"{fill.listing.venue}-{fill.listing.market.value}", fill)
        self.blackbox.tick(now_ns)

    def _quote(self, quoting: Quoting, now_ns: int) -> None:
        for wish in quoting.on_tick(now_ns):
            if isinstance(wish, Quote):
                result = self.submit(wish.plan)
                if isinstance(result, Refusal):
                    quoting.refused(wish, result.text, now_ns)
            elif isinstance(wish, Pull):
                self.cancelling.pull(wish.client_order_id, wish.reason)

    # ---- what others tell

    def alarm(self, kind: str, text: str) -> None:
        """Something that a person should know."""
        self.recorder.write(Alarmed(wall_ns=self.recorder.wall_ns(), kind=kind, text=text))

    def _switch(self, switch: str, value: str, reason: str) -> None:
        self.recorder.write(Switched(wall_ns=self.recorder.wall_ns(), switch=switch, value=value, reason=reason))

    def _resting(self, account: str) -> list[SymbolInfo]:
        """Where orders of ours rest."""
        keys = {
            order.intent.listing
            for order in self.ledger.orders.values()
            if not order.is_over
            and order.intent.time_in_force is TimeInForce.GTC
            and order.intent.listing.startswith(f"{account}:")
        }
        return [self.tracker.listings[key] for key in sorted(keys)]

    def _on_heard(self, account: str, kind: str, latency_ms: float | None) -> None:
        self.breakers.note(account, kind, latency_ms, self._clock.monotonic_ns())

    def _on_stream(self, account: str, complete: bool) -> None:
        self.breakers.stream(account, complete, self._clock.monotonic_ns())

    def _on_stranger(self, account: str, client_order_id: str) -> None:
        """Another engine of ours trades on this account: two of them would undo each other's reckoning."""
        text = f"{account} has the order {client_order_id} of another oneprice engine; one account has one engine"
        if self.desk.switches.stop_entries(f"stranger at {account}", text):
            self.alarm("two engines", text)
            self._switch("halt", "on", text)

    def _on_holding(self, deal: Deal) -> None:
        """Its entry is over: the books that it met have to be told anew before the next one."""
        listings = tuple(dict.fromkeys(order.intent.listing for order in deal.orders))
        self.gates.deal_over(deal.opened.group, listings, Decimal(0), self._clock.monotonic_ns())

    def _on_settled(self, deal: Deal, net: Decimal) -> None:
        listings = tuple(dict.fromkeys(order.intent.listing for order in deal.orders))
        self.gates.deal_over(deal.opened.group, listings, net, self._clock.monotonic_ns())


def _standing(told: tuple[object, ...]) -> Standing:
    """The hub's plain tuple by name, without looking at it: it is the hub's own."""
    key, opened_ns, updated_ns, updates, sized, best = told
    return Standing(key, opened_ns, updated_ns, updates, Sized(*sized), Sized(*best))  # type: ignore[arg-type, misc]
