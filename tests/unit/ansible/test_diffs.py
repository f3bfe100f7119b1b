"""What `--diff` tells, for people."""

from typing import Any

import pytest

from adapters.ansible.diffs import LINES, unified


@pytest.mark.parametrize(
    ("diff", "text"),
    [
        (None, ""),
        ([], ""),
        ({"before": "a\nb\n", "after": "a\nb\n"}, ""),
        (
            {"before": "a\nb\nc\n", "after": "a\nB\nc\n", "before_header": "/etc/x", "after_header": "/tmp/y"},
            "/etc/x\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c",
        ),
        ([{"before": {"mode": "0644"}, "after": {"mode": "0600"}}], "@@ -1 +1 @@\n-mode: 0644\n+mode: 0600"),
        ({"prepared": "+ nginx 1.22\n"}, "+ nginx 1.22"),
        ({"before": "", "after": "new\n"}, "@@ -0,0 +1 @@\n+new"),
        ("no diff", ""),
    ],
)
def test_a_diff_is_told_with_signs(diff: Any, text: str) -> None:
    assert unified(diff) == text


def test_a_long_diff_is_cut_and_says_so() -> None:
    text = unified({"before": "", "after": "".join(f"line {n}\n" for n in range(100))})
    assert len(text.splitlines()) == LINES + 1
    assert text.endswith("... 61 more lines")
