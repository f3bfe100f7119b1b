"""The built-in rules: name, parameters, what each looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from lifecycle.blueprint import policy_rules as keys
from lifecycle.policy.planned import Planned, Remark
from lifecycle.policy.rules import instances, limits, network, pins, playbooks, secrets, storage


@dataclass(frozen=True, slots=True)
class Rule:
    """A built-in rule. `parameters` is what a blueprint may say to it, `looks_at` in words what it reads."""

    name: str
    parameters: type[keys.RuleKeys]
    looks_at: str
    judge: Callable[[Any, Planned], Iterator[Remark]]

    @property
    def title(self) -> str:
        """What it demands, in one sentence."""
        return (self.parameters.__doc__ or "").split("\n\n")[0]


_RULES: Final = (
    Rule(
        "encryption-at-rest",
        keys.EncryptionAtRest,
        "aws_s3_bucket, aws_ebs_volume, disks of aws_instance, aws_db_instance, aws_rds_cluster",
        storage.encryption_at_rest,
    ),
    Rule(
        "no-public-bucket",
        keys.NoPublicBucket,
        "aws_s3_bucket with its aws_s3_bucket_public_access_block and aws_s3_bucket_acl",
        storage.no_public_bucket,
    ),
    Rule(
        "public-ingress",
        keys.PublicIngress,
        "ingress of aws_security_group and aws_default_security_group, aws_security_group_rule, "
        "aws_vpc_security_group_ingress_rule",
        network.public_ingress,
    ),
    Rule("allowed-subnets", keys.AllowedSubnets, "subnet_id of aws_instance", network.allowed_subnets),
    Rule("allowed-vpcs", keys.AllowedVpcs, "vpc_id of everything, subnets of aws_instance", network.allowed_vpcs),
    Rule(
        "instance-types",
        keys.InstanceTypes,
        "instance_type of instances, launch templates and configurations",
        instances.instance_types,
    ),
    Rule("images", keys.Images, "ami and image_id of instances, launch templates and configurations", instances.images),
    Rule("required-tags", keys.RequiredTags, "tags_all of everything, tags of groups", instances.required_tags),
    Rule(
        "version-pins",
        keys.VersionPins,
        "required_providers, module calls, tasks that install packages",
        pins.version_pins,
    ),
    Rule(
        "max-instances", keys.MaxInstances, "aws_instance, max_size of aws_autoscaling_group", instances.max_instances
    ),
    Rule("max-monthly-cost", keys.MaxMonthlyCost, "the estimated cost of a month", limits.max_monthly_cost),
    Rule("max-lease", keys.MaxLease, "the environment's lease", limits.max_lease),
    Rule(
        "no-plaintext-secret",
        keys.NoPlaintextSecret,
        "user_data, variables of stacks, inputs",
        secrets.no_plaintext_secret,
    ),
    Rule("blast-radius", keys.BlastRadius, "deletions and replacements in the plans", limits.blast_radius),
    Rule("playbook-modules", keys.PlaybookModules, "tasks of playbooks and their roles", playbooks.playbook_modules),
    Rule("playbook-become", keys.PlaybookBecome, "tasks of playbooks and their roles", playbooks.playbook_become),
    Rule("playbook-no-log", keys.PlaybookNoLog, "tasks of playbooks and their roles", playbooks.playbook_no_log),
)

RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.name: rule for rule in _RULES})
"""The built-in rules by name, in the order in which the reference lists them."""
