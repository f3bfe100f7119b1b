"""The process that drives ansible-runner: `python -I child.py SETTINGS.json`, one JSON event per line on stdout.

A program of its own, so that the supervisor can hold it and everything below it. It knows nothing of Baton. Events are cut
down to what a run says and decides by: whole results hold facts and file contents by the megabyte. SIGINT cancels.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Any

_STATS = ("ok", "changed", "failures", "dark", "skipped", "rescued", "ignored", "processed")
_RESULT = (
    "msg",
    "stderr",
    "stdout",
    "module_stderr",
    "module_stdout",
    "rc",
    "reason",
    "exception",
    "censored",
    "unreachable",
)
_DATA = (
    "host",
    "task",
    "role",
    "play",
    "task_action",
    "task_path",
    "duration",
    "ignore_errors",
    "name",
    "varname",
    "pattern",
)
_ITEMS = 20  # results of a loop that are kept
_TEXT = 8000  # characters of one text that are kept
_CUT = "\n…\n"  # in place of the rest; whoever masks texts knows it (lifecycle/scrub.py)


def compact(event: dict[str, Any]) -> dict[str, Any]:
    """An event of ansible-runner with what we need of it, under the same names."""
    data = event.get("event_data") or {}
    kept: dict[str, Any] = {"event": event.get("event", "")}
    if kept["event"] == "playbook_on_stats":
        return kept | {"stats": {key: data.get(key) or {} for key in _STATS}}
    if kept["event"] in ("verbose", "warning", "error", "deprecated", "system_warning", ""):
        return kept | {"stdout": _cut(event.get("stdout", ""))}
    kept |= {key: data[key] for key in _DATA if data.get(key) is not None}
    result = data.get("res")
    if isinstance(result, dict):
        kept["res"] = _result(result)
        if result.get("diff") and not result.get("censored"):
            kept["res"]["diff"] = _short(result["diff"])
        items = [item for item in result.get("results") or [] if isinstance(item, dict)]
        bad = [item for item in items if item.get("failed") or item.get("unreachable")]
        modules = result.get("failed_modules")  # of gather_facts: module → its result
        if isinstance(modules, dict):
            bad += [{**found, "item": name} for name, found in modules.items() if isinstance(found, dict)]
        if bad:
            kept["res"]["failed_items"] = [{**_result(item), "item": _cut(item.get("item"))} for item in bad[:_ITEMS]]
    return kept


def _result(result: dict[str, Any]) -> dict[str, Any]:
    kept = {key: _cut(result[key]) for key in _RESULT if key in result}
    return kept | {key: bool(result.get(key)) for key in ("changed", "failed") if key in result}


def _short(diff: Any) -> Any:
    """A diff without what nobody reads of it: long texts are cut, as they are everywhere."""
    if isinstance(diff, dict):
        return {str(key): _short(value) for key, value in diff.items()}
    return [_short(value) for value in diff] if isinstance(diff, list) else _cut(diff)


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _TEXT else value[: _TEXT // 2] + _CUT + value[-_TEXT // 2 :]
    if isinstance(value, int | float | bool) or value is None:
        return value
    return _cut(json.dumps(value, default=str))


def main(settings_path: str) -> int:
    """Run it. Gives ansible-playbook's exit status, or 1 where ansible-runner gives none."""
    import ansible_runner

    stopping = []
    signal.signal(signal.SIGINT, lambda *_: stopping.append(True))
    out = sys.stdout

    def say(event: dict[str, Any]) -> None:
        out.write(json.dumps(event, default=str) + "\n")
        out.flush()

    def handle(event: dict[str, Any]) -> bool:
        say(compact(event))
        if event.get("event") == "playbook_on_vars_prompt":
            stopping.append(True)  # nobody is there to answer
        return False  # do not write it to disk

    settings = json.loads(Path(settings_path).read_text(encoding="utf-8"))
    through = Path(settings.pop("through"))  # what our callback plugin writes
    runner = ansible_runner.run(event_handler=handle, cancel_callback=lambda: bool(stopping), **settings)
    if through.is_file():
        say({"event": "through", **json.loads(through.read_text(encoding="utf-8"))})
    say({"event": "finished", "rc": runner.rc, "status": runner.status})
    return int(runner.rc or 0) if runner.status == "successful" else int(runner.rc or 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
