"""The little of GitHub's and GitLab's expressions that the templates use: names, texts, ==, !=, &&, ||, ! and always()."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'[^']*'|"[^"]*")|(?P<op>&&|\|\||==|!=|!|\(|\))|(?P<call>\w+\(\))|(?P<name>\$?[A-Za-z_][\w.-]*))"""
)
_PYTHON = {"&&": " and ", "||": " or ", "!": " not "}


def evaluated(expression: str, look_up: Callable[[str], Any]) -> Any:
    """The value of one expression. Raises ValueError for what is not known here."""
    words, at, expression = [], 0, expression.strip()
    values: dict[str, Any] = {}
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if found is None:
            raise ValueError(f"not understood: {expression[at:]}")
        at = found.end()
        if found["op"]:
            words.append(_PYTHON.get(found["op"], found["op"]))
            continue
        name = f"v{len(values)}"
        if found["text"]:
            values[name] = found["text"][1:-1]
        elif found["call"]:
            if found["call"] != "always()":
                raise ValueError(f"not understood: {found['call']}")
            values[name] = True
        else:
            values[name] = look_up(found["name"])
        words.append(name)
    return eval("".join(words), {"__builtins__": {}}, values)


def filled(text: str, look_up: Callable[[str], Any]) -> str:
    """A text with its `${{ }}` filled in."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: str(evaluated(m[1], look_up)), text)


def within(context: Mapping[str, Any]) -> Callable[[str], Any]:
    """Looks up `a.b.c`; what is not there is empty, as GitHub has it."""

    def look_up(name: str) -> Any:
        value: Any = context
        for part in name.split("."):
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        return value

    return look_up
