"""Settings: where things are and which cloud is meant. Read once, passed in."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import quote

import platformdirs

from lifecycle.errors import BatonError, ExitCode


class SettingsInvalid(BatonError):
    """A setting is wrong."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, with its default.

    Each may be given as an environment variable (`BATON_HOME`, `BATON_CLOUD`, ...) or as a key of `config.toml` in the
    user's configuration directory; the environment wins.
    """

    home: Path = Path()
    """Where Baton keeps its store, working directories and keys (0700). Default: the user's data directory."""

    cache: Path = Path()
    """What can be made again: base images of the local cloud. Default: the user's cache directory."""

    cloud: str = "local"
    """`local` (the local cloud), `aws` (the AWS account of your environment), or an endpoint's URL or description file."""

    store: str = ""
    """SQLAlchemy URL of the store. Default: SQLite in `home`."""

    store_key: str = ""
    """The file (0600) with the store's key, which all machines of a PostgreSQL store must have alike. Default: `store.key` in `home`, made once."""

    local_state: str = ""
    """`allow`: with a PostgreSQL store, states may stay on the machine that applied them, where no other finds them. Default: refused."""

    terraform: str = ""
    """Path of the terraform binary. Default: the one on PATH, else the packaged one."""

    checkov: str = ""
    """Path of the scanner checkov, for policies that ask it. Default: the one on PATH."""

    mirror: str = ""
    """A filesystem mirror of Terraform providers. Default: those that are found."""

    backend: str = ""
    """Where states are kept if neither a module nor the blueprint says it, such as `s3://BUCKET/PREFIX?region=eu-west-1`. Default: in `home`."""

    operator_cidr: str = ""
    """The range that you come from, for security groups that let operators in. The local cloud knows its own."""

    engine: str = ""
    """URL of a Prefect API. Default: your active Prefect profile's, else a local server of Baton's own."""

    ledger_key: str = ""
    """A file (0600, 32 random bytes or more) that seals the ledger: who does not have it cannot write a chain anew. Default: none."""

    prices: str = ""
    """A file with your own prices, which go before the packaged list prices (`baton prices show`). Default: none."""
    age_identity: str = ""
    """The identity file that opens what `age:` references name: as `age-keygen` writes it, or a private SSH key. Default: none."""

    vault_password_file: str = ""
    """The file with the password that opens what `ansible-vault:` references name. Default: none."""

    @property
    def store_url(self) -> str:
        return self.store or sqlite_url(self.home / "baton.db")

    @property
    def store_key_path(self) -> Path:
        return Path(self.store_key).expanduser() if self.store_key else self.home / "store.key"

    @property
    def environments(self) -> Path:
        """Working directories of stacks, generated secrets and keys, one directory per environment."""
        return self.home / "environments"

    @property
    def cloud_home(self) -> Path:
        """Where the local cloud keeps its description and its hosts."""
        return self.home / "cloud"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment and config.toml. Raises SettingsInvalid for keys that do not exist."""
    path = Path(environ.get("BATON_CONFIG") or platformdirs.user_config_path("baton") / "config.toml")
    given: dict[str, str] = _read(path)
    names = {f.name for f in fields(Settings)}
    for key in given.keys() - names:
        raise SettingsInvalid(f"{path}: there is no setting '{key}'", hint=f"settings are: {', '.join(sorted(names))}")
    given |= {n: environ[f"BATON_{n.upper()}"] for n in names if environ.get(f"BATON_{n.upper()}")}
    home = Path(given.pop("home", "") or platformdirs.user_data_path("baton")).expanduser().absolute()
    cache = Path(given.pop("cache", "") or platformdirs.user_cache_path("baton")).expanduser().absolute()
    return Settings(home=home, cache=cache, **given)


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {k: str(v) for k, v in tomllib.loads(path.read_text()).items()}
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path}: {error}") from None


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite store in this file, whatever its name holds: `?`, `#` and `%` mean something in a URL."""
    return f"sqlite:///{quote(str(path))}"


def make_private(path: Path) -> None:
    """Make a directory, and those above it that are missing, for their owner alone (`mkdir` gives its mode to the last only)."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
