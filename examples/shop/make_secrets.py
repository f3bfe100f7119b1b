"""Makes what `governed.yaml` reads: an age identity, and the database's password encrypted for it. Run it once.

Needs the extra `secrets` (pip install 'baton-lifecycle[secrets]'). Everything lands in `secrets/` beside this file, which
is not in the repository, mode 0600; what is there already is left as it is.
"""

import secrets
import sys
from pathlib import Path

import pyrage

FOLDER = Path(__file__).with_name("secrets")


def main() -> None:
    identity, sealed = FOLDER / "identity.txt", FOLDER / "shop.yaml.age"
    if sealed.exists():
        sys.exit(f"{sealed} is there already")
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    own = pyrage.x25519.Identity.generate()
    document = f"db: {{password: {secrets.token_urlsafe(18)}}}\n"
    for path, data in ((identity, str(own).encode()), (sealed, pyrage.encrypt(document.encode(), [own.to_public()]))):
        path.touch(mode=0o600)
        path.write_bytes(data)
    sys.stdout.write(f"made {identity} and {sealed}\nexport BATON_AGE_IDENTITY={identity}\n")


if __name__ == "__main__":
    main()
