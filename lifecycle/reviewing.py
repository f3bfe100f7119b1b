"""The review: what is planned is put together, judged, and held against what was approved."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lifecycle.admission import ApprovalNeeded, PreviewStale, admit, asked, changed_sources, reasons
from lifecycle.approval import Review
from lifecycle.asking import waiting_on
from lifecycle.desired import Goal, Governance
from lifecycle.errors import ExitCode
from lifecycle.journal import Outcome, Status, Step
from lifecycle.observed import Reviewed
from lifecycle.plan import Action
from lifecycle.policy.finding import Finding, denial
from lifecycle.ports import Assessor
from lifecycle.preview import Preview
from lifecycle.preview.drawing import drawn, previewed_plans
from lifecycle.view import View

STANDS: Final = "it stands already, and this plan would not change it"


@dataclass(frozen=True, slots=True)
class Reviewing:
    """One review in one run."""

    view: View
    assessor: Assessor
    run: int
    now: datetime

    def outcome(self, step: Step) -> Outcome:
        """Fine where the run may go on. A refusal carries the preview too: people want to see what was refused."""
        view = self.view
        estimate = self.assessor.estimate(previewed_plans(view))
        preview = drawn(view, self.assessor.findings(view, estimate), estimate)
        if preview.denied:
            return self._denied(step, preview)
        if view.desired.goal is Goal.PLAN:
            return self._shown(step, preview)
        try:
            admission = admit(
                preview, self._rules.approval, self._known, run=self.run, now=self.now, auto=self._rules.auto
            )
        except (ApprovalNeeded, PreviewStale) as error:
            asked_now = waiting_on(Review.of(error.facts), self._known)
            result = Reviewed(preview, error.message, self._before, asked_now, refused=True)
            detail = _detail(preview, error.message)
            return Outcome(step, Status.FAILED, error.message, error.hint, result, detail, exit_code=error.exit_code)
        result = Reviewed(preview, admission.words, view.unreviewed | self._before, admission.review)
        return Outcome(step, Status.OK, admission.words, result=result, detail=_detail(preview, admission.words))

    @property
    def _rules(self) -> Governance:
        return self.view.desired.governance or Governance()

    @property
    def _known(self) -> Review | None:
        """What was asked last, in this run or before."""
        earlier = self.view.observed.reviewed
        return earlier.review if earlier and earlier.review else self._rules.review

    @property
    def _before(self) -> frozenset[str]:
        """Plans that earlier reviews of this run have let through."""
        earlier = self.view.observed.reviewed
        return earlier.plans if earlier else frozenset()

    def _denied(self, step: Step, preview: Preview) -> Outcome:
        first, words = preview.denied[0], denial(preview.denied)
        result = Reviewed(preview, words, self._before, self._known, refused=True)
        code = ExitCode.POLICY_DENIED
        hint = f"{first.cure}\n{STANDS}" if _stands(preview, first) else first.cure
        return Outcome(step, Status.FAILED, words, hint, result, _detail(preview, words), exit_code=code)

    def _shown(self, step: Step, preview: Preview) -> Outcome:
        """On the way to nothing but a look: the question is kept, so that it can be answered before anybody runs `up`."""
        why = reasons(preview, self._rules.approval) if self.view.desired.governance else ()
        known = self._known
        going_on = known is not None and known.admitted and not changed_sources(known, preview)
        same = known is not None and (known.digest == preview.digest or going_on)
        question = asked(preview, self._rules.approval, why, self.now) if why else None
        review = known if same else waiting_on(question, known)
        words = f"an approval is needed: {'; '.join(why)}" if why else "no approval is needed"
        return Outcome(step, Status.OK, words, result=Reviewed(preview, words, review=review), changed=preview.acts)


def _stands(preview: Preview, finding: Finding) -> bool:
    """Whether a finding is about something that exists and that this plan would leave as it is."""
    plans = (s.plan for s in preview.stacks if s.plan and s.name == finding.stack)
    return any(c.address == finding.address and c.action is Action.NOOP for p in plans for c in p.changes)


def _detail(preview: Preview, words: str) -> dict[str, Any]:
    """What journal and ledger keep of a review."""
    return {
        "preview": preview.digest,
        "words": words,
        "destroys": list(preview.destroyed),
        "replaces": list(preview.replaced),
        "findings": sorted(preview.concerns),
        "monthly_cost": None if preview.monthly_cost is None else f"{preview.monthly_cost:.2f}",
    }
