"""Host keys in an instance's console output, as cloud-init prints them there."""

import re
from typing import Final

# https://cloudinit.readthedocs.io (module "SSH", keys-to-console); the console may put time stamps or a tag before each line.
_BEGIN: Final = "-----BEGIN SSH HOST KEY KEYS-----"
_END: Final = "-----END SSH HOST KEY KEYS-----"
_KEY: Final = re.compile(r"\b((?:ssh|ecdsa)-[a-z0-9-]+) (AAAA[A-Za-z0-9+/]+={0,3})")
_BEST: Final = ("ssh-ed25519", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp256", "ssh-rsa")


def host_keys(output: str) -> list[str] | None:
    """Public host keys of the last complete block, `type base64`, ed25519 first; None where there is no complete block yet.

    The last one counts: an instance made from an image of another one prints new keys. DSA keys are passed over.
    """
    blocks = [after.partition(_END) for after in output.split(_BEGIN)[1:]]
    complete = [text for text, end, _ in blocks if end]
    if not complete:
        return None
    keys = [(kind, f"{kind} {blob}") for kind, blob in _KEY.findall(complete[-1]) if kind in _BEST]
    ordered = sorted(keys, key=lambda key: _BEST.index(key[0]))
    return list(dict.fromkeys(key for _, key in ordered)) or None
