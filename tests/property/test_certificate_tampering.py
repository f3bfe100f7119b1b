"""No change of a certificate goes unseen, wherever it is."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.certificate import Certificate, CertificateInvalid, Look, checked
from lifecycle.environment import EnvironmentRef
from lifecycle.ledger import GENESIS, Draft, append

REF = EnvironmentRef("shop", "dev")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ISSUED = Certificate(
    str(REF), 7, "aws", NOW, "ada on laptop (process 1)", "1.0", (0, GENESIS), (Look("state of stack web"),), ("DNS",)
)
DATA = {"run": 7, "step": f"prove:{REF}", "status": "ok", "certificate": ISSUED.digest}
LEDGER = [append(Draft("baton.step.finished", str(REF), NOW, DATA), head=None, event_id="1", source="baton")]


def test_the_certificate_itself_is_good() -> None:
    assert checked(ISSUED.text, REF, 7, LEDGER) == ISSUED


@given(st.data())
def test_a_certificate_that_was_changed_anywhere_is_told(data: st.DataObject) -> None:
    text = ISSUED.text
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[at]))
    with pytest.raises(CertificateInvalid):
        checked(text[:at] + other + text[at + 1 :], REF, 7, LEDGER)
