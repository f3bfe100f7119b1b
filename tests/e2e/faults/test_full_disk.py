"""A disk that is full in the middle: said as such, nothing that was made is forgotten, and the next run goes on."""

from pathlib import Path

from tests.support.small_disk import on_small_disk

STORE = """
from datetime import UTC, datetime
from adapters.store.failures import StoreError
from adapters.store.store import open_store
from lifecycle.environment import Environment, EnvironmentRef, Phase
from lifecycle.journal import Kind, Record, Status
from lifecycle.lock import LEASE, Owner

now, ref = datetime.now(UTC), EnvironmentRef("shop", "dev")
store = open_store(f"sqlite:///{disk}/baton.db", key_path=disk / "key")
lock = store.acquire(ref, Owner("ada", "laptop:1:1", "boot", 1, 1), lease=LEASE)
store.start_run(lock, Environment(ref, Phase.NEW, now, now), [])
store.intend(lock, [Record(Kind.APPLY, "web", "d", 1, now)])
fill()
done = Record(Kind.APPLY, "web", "d", 1, now, now, Status.OK, "", {"much": "x" * 100_000})
try:
    store.conclude(lock, [done])
except StoreError as error:
    print(error.message, "|", error.hint)
print("unknown:", [r.key if hasattr(r, "key") else r.subject for r in store.journal(ref).unknown])
free()
store.conclude(lock, [done])
print("unknown:", list(store.journal(ref).unknown))
"""
TERRAFORM = """
from adapters.terraform.adapter import TerraformProvisioner
from adapters.terraform.failures import TerraformFailed
from lifecycle.environment import EnvironmentRef
from lifecycle.errors import BatonError
from lifecycle.ports import Run, StackSpec

def say(kind, message, **_):
    if kind.startswith(("state.", "stack.pushed")):
        print("said", kind)

source = Path(sys.argv[1]).parent / "module"
stack = StackSpec(EnvironmentRef("shop", "dev"), "web", source, {"filled": str(disk / "filler")})
provisioner = TerraformProvisioner(disk / "root", b"key", inherited={"PATH": os.environ["PATH"], "HOME": str(disk)})
plan = provisioner.plan(stack, Run(say))
fill(leave=1 << 20)
try:
    provisioner.apply(stack, plan, Run(say))
except BatonError as error:
    print(type(error).__name__, "|", error.message, "|", error.hint)
free()
print("made:", list(provisioner.resources(stack, Run())))

plan = provisioner.plan(stack, Run(say))
try:
    provisioner.apply(stack, plan, Run(say))  # it fills the disk itself, in the middle
except TerraformFailed as error:
    print(type(error).__name__, "|", error.message, "|", error.hint)
free()
plan = provisioner.plan(stack, Run(say))
print("left to do:", [(c.address, c.action.value) for c in plan.acting])
print("made:", list(provisioner.resources(stack, Run())))
"""
MODULE = """
variable "filled" {}
resource "terraform_data" "large" {
  input = join("", [for i in range(1000) : "${sha512(tostring(i))}${sha512("a${i}")}${sha512("b${i}")}"])
  provisioner "local-exec" {
    command = "dd if=/dev/zero of=${var.filled} bs=4k 2>/dev/null; true"
  }
}
"""


def test_a_store_that_cannot_grow_keeps_the_intent_and_takes_the_outcome_once_there_is_room(tmp_path: Path) -> None:
    told, before, after = on_small_disk(STORE, tmp_path / "disk", "1m").splitlines()
    assert "cannot grow: the disk is full | free some space (`df -h` shows where) and run it again" in told
    assert before == "unknown: ['web']"
    assert after == "unknown: []"


def test_no_apply_begins_without_room_for_its_state_and_one_that_fills_the_disk_forgets_nothing(tmp_path: Path) -> None:
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "main.tf").write_text(MODULE)
    said = on_small_disk(TERRAFORM, tmp_path / "disk", "8m").splitlines()
    refused, nothing, rescued, failed, *rest = said
    assert refused.startswith("DiskFull | nothing was begun: there is no room for the state in ")
    assert nothing == "made: []"
    assert rescued == "said state.rescued"
    assert failed.startswith("NoSpaceLeft | shop/dev:web: terraform apply: Failed to write state: ")
    assert failed.endswith(
        "| free some space (`df -h` shows where) and run it again: what was done is looked at first, nothing is made twice"
    )
    assert rest == ["said stack.pushed", "left to do: []", "made: ['terraform_data.large']"]
