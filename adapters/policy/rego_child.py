"""Judges Rego by regopy: `rego_child.py POLICIES PLAN RESULT`, three files of JSON. Run as a program, it imports nothing of ours.

regopy's `set_input` breaks on quotes; `set_input_term` with JSON does not. Source: regopy's `interpreter.py`.
"""

import json
import sys
from pathlib import Path
from typing import Any


def judged(policies: dict[str, Any], document: str) -> dict[str, Any]:
    """`{"packages": {package: {rule: what it says}}}`, or `{"broken": why}`."""
    from regopy import Interpreter
    from regopy.rego_shared import RegoError

    interpreter = Interpreter()
    found = {}
    try:
        for name, text in policies["modules"]:
            interpreter.add_module(name, text)
        interpreter.set_input_term(document)
        for package in policies["packages"]:
            output = interpreter.query(f"data.{package}")
            if not output.ok():
                return {"broken": f"{package}: {output}"}
            value = output.results[0].expressions[0] if output.results and output.results[0].expressions else {}
            found[package] = value if isinstance(value, dict) else {}
    except (RegoError, ValueError) as error:  # a query that cannot be compiled answers with words instead of JSON
        return {"broken": str(error)}
    return {"packages": found}


def main(policies: str, plan: str, result: str) -> None:
    said = judged(json.loads(Path(policies).read_text(encoding="utf-8")), Path(plan).read_text(encoding="utf-8"))
    Path(result).write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
