"""What people read of it: a line for each kill, totals, and the commands that repeat what went wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.chaos.real.kills import written
from tests.chaos.real.lifetime import Hit, Lived
from tests.chaos.real.others import Trial

WRONG = ("unconfigured", "replaced", "doubled", "orphans", "locked", "fails")
HEAD = f"{'life':>4} {'phase':6}{'point':44}{'signal':10}{'who':12}{'at s':>6}{'exit':>6}{'ended s':>9}{'gone s':>8}  result"


def hit_line(hit: Hit) -> str:
    right = "; ".join(hit.faults) or "ok"
    code = "hangs" if hit.code is None else str(hit.code)
    return f"{hit.lifetime:4} {hit.phase:6}{hit.kill.moment!s:44.43}{hit.kill.way:10}{hit.who:12}{hit.at:6.1f}{code:>6}{hit.ended:9.1f}{hit.gone:8.1f}  {right}"


def lived_lines(lived: Lived) -> Iterator[str]:
    """What a lifetime's ends were."""
    came = ", ".join(f"{phase} {seconds:.0f} s" for phase, seconds in lived.finals.items())
    yield f"lifetime {lived.number}: {len(lived.hits)} kills; came through: {came}; {'RIGHT' if right(lived) else 'WRONG'}"
    yield from (f"    {fault}" for fault in lived.faults)


def right(lived: Lived) -> bool:
    return not lived.faults and not any(hit.faults for hit in lived.hits)


def totals(lives: Sequence[Lived]) -> Iterator[str]:
    hits = [hit for lived in lives for hit in lived.hits]
    phases = sum(len(lived.ends) for lived in lives)
    wrong = sum(not right(lived) for lived in lives)
    yield f"Baton: {len(hits)} kills in {len(lives)} lifetimes, {phases} ends looked at, {wrong} lifetimes wrong"
    for name, counted in (
        ("by phase", Counter(hit.phase for hit in hits)),
        ("by who got it", Counter(hit.who for hit in hits)),
        ("by signal", Counter(str(hit.kill.way) for hit in hits)),
    ):
        yield f"  {name}: " + ", ".join(f"{key} {number}" for key, number in counted.most_common())
    if hits:
        gone = sorted(hit.gone for hit in hits)
        yield f"  seconds until the last child was gone: median {gone[len(gone) // 2]:.1f}, most {gone[-1]:.1f}"


def again(lives: Sequence[Lived], seed: int) -> Iterator[str]:
    """The command that repeats a lifetime that went wrong."""
    for lived in lives:
        if not right(lived):
            yield f"repeat lifetime {lived.number} of seed {seed}:  make chaos KILLS='{written(lived.kills)}'"


def trial_line(trial: Trial) -> str:
    wrong = "; ".join(f"{word}: {what}" for word, what in trial.faults.items()) or "ok"
    return f"{trial.name:14}{trial.kill.moment!s:44.43}{trial.kill.way:10}{trial.who or 'missed':12}{trial.at:6.1f}  {wrong:.200}"


def trial_totals(trials: Iterable[Trial]) -> Iterator[str]:
    """How many came out right; a trial may be wrong in several ways."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.who:
            found.setdefault(trial.name, []).append(trial)
    for name, some in found.items():
        counted = Counter(word for trial in some for word in trial.faults)
        wrong = ", ".join(f"{word} {counted[word]}" for word in WRONG)
        yield f"{name}: {len(some)} kills, each run again: {sum(not t.faults for t in some)} of {len(some)} right; {wrong}"
