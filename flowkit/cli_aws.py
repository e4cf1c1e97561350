"""The shell's commands for the control plane: nlb, enable, disable, alarm.

Nothing but argparse is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from flowkit import access
from flowkit.arguments import Commands, Parser, number

if TYPE_CHECKING:
    from flowkit.aws import Plan


def add(commands: Commands) -> None:
    """Add the commands to the shell's."""
    nlb = _command(
        commands, "nlb", _nlb, "show a load balancer, what logs it, and what is missing for an investigation"
    )
    nlb.add_argument("-o", "--output", metavar="FILE", help="save it for --context: for colleagues without access")
    _enable_command(commands)
    disable = _command(commands, "disable", _disable, "end the flow logs that flowkit enable made, and no others")
    disable.add_argument("--apply", action="store_true", help="do it; without this, only say what would be done")
    alarm = _command(commands, "alarm", _alarm, "print an alarm on rejected flows as a CloudFormation template")
    alarm.add_argument(
        "--threshold", type=_records, default=100, metavar="N", help="alarm above so many in 5 minutes (100)"
    )
    alarm.add_argument(
        "--topic", default="", metavar="ARN", help="the SNS topic to tell; without one the alarm tells nobody"
    )


_records = number("number of records", least=0, whole=True)


def _enable_command(commands: Commands) -> None:
    enable = _command(commands, "enable", _enable, "plan flow logs for a load balancer, and make them with --apply")
    enable.add_argument("--to", required=True, metavar="s3://BUCKET/PREFIX", help="where the flow logs go")
    formats = "recommended, default, or '${version} ${srcaddr} …' (recommended)"
    enable.add_argument("--format", dest="fields", default="recommended", metavar="FORMAT", help=formats)
    enable.add_argument("--interval", type=int, choices=(60, 600), default=60, help="seconds of aggregation (60)")
    enable.add_argument("--traffic", choices=("all", "accept", "reject"), default="all", help="what to record (all)")
    enable.add_argument("--parquet", action="store_true", help="Parquet files: dearer to deliver, quicker to read")
    enable.add_argument("--hive", action="store_true", help="Hive-compatible prefixes")
    enable.add_argument("--hourly", action="store_true", help="a prefix for each hour")
    enable.add_argument("--apply", action="store_true", help="do it; without this, only say what would be done")


def _command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    words: str,
) -> Parser:
    said = f"{words[0].upper()}{words[1:]}."
    parser: Parser = commands.add_parser(name, help=words, description=said, parents=[access.flags()])
    parser.set_defaults(run=run)
    parser.add_argument("nlb", metavar="NLB", help="its name, ARN or DNS name")
    return parser


def _nlb(given: argparse.Namespace) -> int:
    from flowkit.aws import load_balancer

    balancer = load_balancer(given.nlb, access.given(given))
    print(balancer)
    if given.output:
        print(balancer.save(given.output), file=sys.stderr)
    return 0


def _enable(given: argparse.Namespace) -> int:
    from flowkit.aws import enable

    names = ("to", "fields", "interval", "traffic", "parquet", "hive", "hourly")
    wish = {name: getattr(given, name) for name in names}
    return _do(enable(given.nlb, access=access.given(given), **wish), apply=given.apply)


def _disable(given: argparse.Namespace) -> int:
    from flowkit.aws import disable

    return _do(disable(given.nlb, access=access.given(given)), apply=given.apply)


def _alarm(given: argparse.Namespace) -> int:
    from flowkit.aws import load_balancer, reject_alarm

    balancer = load_balancer(given.nlb, access.given(given))
    print(reject_alarm(balancer, threshold=given.threshold, topic=given.topic))
    if not given.topic:
        print("flowkit: without --topic the alarm tells nobody: it only shows in CloudWatch", file=sys.stderr)
    return 0


def _do(plan: Plan, *, apply: bool) -> int:
    """Print the plan; do it where that was asked for; return 2 where something is left for a person to do."""
    print(plan)
    if not apply:
        print("\nNothing was changed." + ("" if plan.done else " Add --apply to do it."))
        return 0
    outcome = plan.apply()
    print(f"\n{outcome}")
    if outcome.failed:
        print(f"flowkit: {len(outcome.failed)} failed: {'; '.join(outcome.failed)}", file=sys.stderr)
        return 2
    return 0
