"""Real playbooks over real SSH. They write below the test's own folder and nowhere else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ansible.adapter import AnsibleConfigurator
from adapters.ansible.failures import PlaybookBroken, RoleMissing
from adapters.ssh.directory import SshDirectory
from lifecycle.configuration import Configuration, Configured, HostStatus
from lifecycle.inventory import Host
from lifecycle.ports import Cancellation, Run
from lifecycle.sensitive import Sensitive
from tests.support.sshd import Sshd, make_key

SECRET = "correct horse battery"


def configuration(
    playbook: Path, *hosts: Host, variables: dict[str, Any] | None = None, **changes: Any
) -> Configuration:
    facts: dict[str, Any] = {"name": "web", "playbook": playbook, "hosts": hosts, "inventory": hosts}
    return Configuration(variables=variables or {}, **{**facts, **changes})


def written(folder: Path, text: str) -> Path:
    path = folder / "site.yml"
    path.write_text(text)
    return path


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happens():
            return True
        time.sleep(0.05)
    return False


def only(configured: Configured) -> Any:
    (result,) = configured.hosts
    return result


def test_a_host_is_configured_and_the_second_run_changes_nothing(
    configurator: AnsibleConfigurator, web: Host, tmp_path: Path, runs: Path
) -> None:
    text = f"- hosts: web\n  gather_facts: false\n  tasks:\n    - copy: {{content: '{{{{ word }}}}', dest: {tmp_path}/out}}\n"
    ask = configuration(written(tmp_path, text), web, variables={"word": Sensitive(SECRET)})

    first, second = configurator.configure(ask, Run()), configurator.configure(ask, Run())

    assert (first.complete, only(first).status) == (True, HostStatus.CHANGED)
    assert (tmp_path / "out").read_text() == SECRET
    assert only(second).status is HostStatus.OK
    assert only(second).changed == 0
    assert list(runs.iterdir()) == [], "the private directory is gone"


def test_an_unreachable_host_is_not_a_failed_one_and_does_not_stop_the_others(
    configurator: AnsibleConfigurator, web: Host, dead: Host, tmp_path: Path
) -> None:
    site = written(tmp_path, "- hosts: web\n  gather_facts: false\n  tasks: [{command: 'true', changed_when: false}]\n")
    configured = configurator.configure(configuration(site, web, dead), Run())
    assert {r.host: r.status for r in configured.hosts} == {"web-1": HostStatus.OK, "web-2": HostStatus.UNREACHABLE}
    assert configured.complete


def test_only_the_hosts_asked_for_are_touched_though_the_play_knows_all(
    configurator: AnsibleConfigurator, web: Host, dead: Host, tmp_path: Path
) -> None:
    look = "- hosts: all\n  gather_facts: false\n  tasks: [{assert: {that: \"hostvars['web-2'].ansible_host == '127.0.0.1'\"}}]\n"
    configured = configurator.configure(configuration(written(tmp_path, look), web, inventory=(web, dead)), Run())
    assert only(configured).status is HostStatus.OK


def test_a_secret_is_in_no_argument_and_in_no_message(
    configurator: AnsibleConfigurator, web: Host, tmp_path: Path
) -> None:
    text = "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: See\n      shell: cat /proc/[0-9]*/cmdline | tr '\\0' ' '\n"
    text += f"      register: all\n    - copy: {{content: '{{{{ all.stdout }}}}', dest: {tmp_path}/seen}}\n"
    text += "    - name: Fail\n      fail: {msg: 'password was {{ word }}'}\n"
    said: list[str] = []

    def say(type: str, message: str, **data: Any) -> None:
        said.append(f"{message} {data}")

    ask = configuration(written(tmp_path, text), web, variables={"word": Sensitive(SECRET)})
    result = only(configurator.configure(ask, Run(say)))

    assert result.message == "password was *** (site.yml:8)"
    assert SECRET not in " ".join(said)
    assert "ansible-playbook" in (tmp_path / "seen").read_text()
    assert SECRET not in (tmp_path / "seen").read_text()


def test_what_lies_on_disk_meanwhile_is_for_nobody_elses_eyes(
    configurator: AnsibleConfigurator, web: Host, tmp_path: Path, runs: Path
) -> None:
    look = f"find {runs} ( -perm /077 -not -type l -not -type s ) -not -path {runs}"
    text = f"- hosts: web\n  gather_facts: false\n  tasks:\n    - command: {look}\n      register: open\n"
    text += f"    - copy: {{content: '{{{{ open.stdout }}}}', dest: {tmp_path}/open}}\n    - stat: {{path: {runs}}}\n"
    configurator.configure(configuration(written(tmp_path, text), web), Run())
    reachable = [
        line for line in (tmp_path / "open").read_text().splitlines() if "/" not in line.removeprefix(f"{runs}/")
    ]
    assert reachable == [], "the run's own directory is 0700"


def test_a_group_vars_that_switches_host_key_checks_off_does_not(
    session: SshDirectory, configurator: AnsibleConfigurator, web: Host, tmp_path: Path
) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text(
        "ansible_ssh_common_args: -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null\nansible_host_key_checking: false\n"
    )
    (tmp_path / "ansible.cfg").write_text(
        "[defaults]\nhost_key_checking = False\n[ssh_connection]\nssh_args = -o StrictHostKeyChecking=no\n"
    )
    site = written(tmp_path, "- hosts: web\n  gather_facts: false\n  tasks: [{command: 'true', changed_when: false}]\n")
    stranger = replace(web, id="i-other", host_key=make_key(tmp_path / "other"))

    assert only(configurator.configure(configuration(site, web), Run())).status is HostStatus.OK
    result = only(configurator.configure(configuration(site, stranger), Run()))
    assert result.status is HostStatus.UNREACHABLE
    assert "Host key verification failed" in result.message


def test_the_users_own_roles_and_filters_are_found(
    configurator: AnsibleConfigurator, web: Host, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere/mine/tasks").mkdir(parents=True)
    (tmp_path / "elsewhere/mine/tasks/main.yml").write_text("- assert: {that: \"'a' | doubled == 'aa'\"}\n")
    (tmp_path / "filter_plugins").mkdir()
    (tmp_path / "filter_plugins/d.py").write_text(
        "class FilterModule:\n  def filters(self): return {'doubled': lambda x: x * 2}\n"
    )
    (tmp_path / "ansible.cfg").write_text("[defaults]\nroles_path = elsewhere\n")
    site = written(tmp_path, "- hosts: web\n  gather_facts: false\n  roles: [mine]\n")
    assert only(configurator.configure(configuration(site, web), Run())).status is HostStatus.OK


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("- hosts: web\n  roles: [nowhere]\n", RoleMissing, r"site\.yml:2:11: there is no role 'nowhere'"),
        (
            "- hosts: web\n  tasks:\n   - debug: msg=x\n     foo\n",
            PlaybookBroken,
            r"site\.yml:\d+:\d+: YAML parsing failed",
        ),
        ("- hosts: web\n  tasks:\n    - nosuch: {}\n", PlaybookBroken, r"site\.yml:3:7: there is no module 'nosuch'"),
        ("- hosts: web\n  vars_prompt: [{name: version}]\n", PlaybookBroken, "asks for 'version'"),
    ],
)
def test_a_broken_playbook_is_named_with_its_place(
    configurator: AnsibleConfigurator, web: Host, tmp_path: Path, text: str, kind: type[PlaybookBroken], message: str
) -> None:
    with pytest.raises(kind, match=message):
        configurator.configure(configuration(written(tmp_path, text), web), Run())


SLOW = "- hosts: web\n  gather_facts: false\n  tasks:\n    - name: Sleep\n      command: sleep 300\n"


def test_a_cancelled_run_ends_soon_and_makes_nobody_well(
    configurator: AnsibleConfigurator, web: Host, tmp_path: Path, runs: Path
) -> None:
    cancel = Cancellation()

    def say(type: str, message: str, **data: Any) -> None:
        if type == "task.started":
            cancel.request("enough")

    began = time.monotonic()
    configured = configurator.configure(configuration(written(tmp_path, SLOW), web), Run(say, cancel))
    assert time.monotonic() - began < 60
    assert (configured.complete, configured.message) == (False, "stopped: enough")
    assert only(configured).status is HostStatus.FAILED
    assert list(runs.iterdir()) == []


def test_a_run_past_its_deadline_is_stopped(configurator: AnsibleConfigurator, web: Host, tmp_path: Path) -> None:
    site = written(tmp_path, SLOW)
    configured = configurator.configure(configuration(site, web, deadline=timedelta(seconds=4)), Run())
    assert not configured.complete
    assert "within 4 s" in configured.message


KILLED = """
import sys
from pathlib import Path
from dataclasses import replace
from datetime import timedelta
from adapters.ansible.adapter import AnsibleConfigurator
from adapters.ssh.directory import open_session
from lifecycle.configuration import Configuration
from lifecycle.inventory import Connection, Host
from lifecycle.ports import Run
port, user, key, host_key, playbook, runs = sys.argv[1:]
host = Host("web-1", "web", "i-1", Connection("127.0.0.1", int(port), user, key, become=False), ("web",), host_key=host_key)
with open_session(Path(runs)) as session:
    ask = Configuration("web", Path(playbook), (host,), (host,))
    AnsibleConfigurator(roles=[], paths=session, base=Path(runs)).configure(ask, Run(lambda t, m, **k: print(t, flush=True)))
"""


def test_a_killed_run_leaves_no_process_and_no_file(sshd: Sshd, web: Host, tmp_path: Path, runs: Path) -> None:
    way = web.connection
    argv = [
        sys.executable,
        "-c",
        KILLED,
        str(way.port),
        way.user,
        way.key,
        web.host_key,
        str(written(tmp_path, SLOW)),
        str(runs),
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as run:
        assert run.stdout
        assert any(line.strip() == "task.started" for line in run.stdout)
        run.kill()
    assert within(30, lambda: not list(runs.iterdir()))
    assert within(10, lambda: not mentioning(str(runs)))


def mentioning(text: str) -> list[str]:
    """Command lines of living processes that hold a text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line and int(entry.name) != os.getpid():
            found.append(line)
    return found


def test_nothing_to_configure_is_nothing_done(configurator: AnsibleConfigurator, tmp_path: Path) -> None:
    assert configurator.configure(configuration(tmp_path / "nowhere.yml"), Run()) == Configured(())
