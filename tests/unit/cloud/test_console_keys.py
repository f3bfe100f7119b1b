from adapters.cloud.console import host_keys

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqR7mWwV0kq2v8sT1cWqk0o5vC1mXoJ0f9o3d8c9b7a"
EC = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY="
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7"


def block(*keys: str, before: str = "") -> str:
    lines = ["-----BEGIN SSH HOST KEY KEYS-----", *keys, "-----END SSH HOST KEY KEYS-----"]
    return "\r\n".join(before + line for line in lines) + "\r\n"


def test_keys_come_best_first_and_without_their_comments() -> None:
    assert host_keys(block(RSA + " root@ip-10-1-0-5", EC, ED + " root@x")) == [ED, EC, RSA]


def test_time_stamps_and_tags_before_a_line_do_not_matter() -> None:
    assert host_keys("noise\n" + block(ED, before="[   12.345678] cloud-init[612]: ") + "login: ") == [ED]
    assert host_keys(block(ED, before="<14>Nov 23 01:00:00 ec2: ")) == [ED]


def test_there_are_no_keys_until_the_block_is_complete() -> None:
    assert host_keys("") is None
    assert host_keys(block(ED).partition("-----END")[0]) is None


def test_the_last_complete_block_counts() -> None:
    other = ED[:-4] + "zzzz"
    assert host_keys(block(other) + block(ED)) == [ED]
    assert host_keys(block(ED) + block(other).partition("-----END")[0]) == [ED]


def test_an_empty_block_and_dsa_alone_are_no_keys() -> None:
    assert host_keys(block()) is None
    assert host_keys(block("ssh-dss AAAAB3NzaC1kc3MAAACB")) is None


def test_fingerprints_beside_the_block_are_not_taken_for_keys() -> None:
    fingerprints = "-----BEGIN SSH HOST KEY FINGERPRINTS-----\n256 SHA256:abc root@x (ED25519)\n-----END SSH HOST KEY FINGERPRINTS-----\n"
    assert host_keys(fingerprints) is None
    assert host_keys(fingerprints + block(ED)) == [ED]
