"""The same calls for the shell: report, open, check, plan, cache; those for the control plane stand in `cli_aws`.

Nothing but argparse is imported at the top, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flowkit import access, cli_aws
from flowkit.arguments import Commands, Parser, number
from flowkit.errors import FlowkitError
from flowkit.wording import in_shell

if TYPE_CHECKING:
    from flowkit.case import Case
    from flowkit.case.about import About
    from flowkit.case.preflight import Preflight

_EPILOG = """\
examples:
  flowkit report data/samples/incident
  flowkit report logs/ --start '2026-05-14 23:00' --end '2026-05-15 00:30' --tz Asia/Tokyo -o incident.html
  flowkit open   logs/ --tz Asia/Tokyo
  flowkit check  'logs/**/*.log.gz'
  flowkit plan   s3://bucket/AWSLogs/ --start '2026-05-14 23:00' --end '2026-05-15 00:30' --regions eu-west-1
  flowkit check  cwl:/vpc/flow-logs --start '2026-05-14 23:00' --interfaces eni-0123456789abcdef0
  flowkit cache clear --older-than 30
  flowkit report --nlb orders --start '2026-05-14 23:00' --end '2026-05-15 00:30'
  flowkit report logs/ --context nlb.json
  flowkit nlb    orders -o nlb.json
  flowkit enable orders --to s3://my-bucket/flow-logs
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 2 when a person has to do something, 130 when interrupted."""
    parser = _parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        parser.print_help(sys.stderr)
        return 2
    given = parser.parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = given.run
        return run(given)
    except FlowkitError as error:
        print(f"flowkit: {in_shell(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("flowkit: interrupted; what was read so far is kept and will not be read again", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="flowkit",
        description="Read AWS VPC Flow Logs: what happened, when, to whom, with the health checks put aside.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    parser.add_argument("--version", action=_Version, nargs=0, help="print flowkit's version and leave")
    report = _command(commands, "report", _report, "write one HTML file that opens offline")
    report.add_argument(
        "-o", "--output", metavar="FILE", help="where the page goes, - for stdout (the notebook's name with .html)"
    )
    report.add_argument("--notebook", default="incident", metavar="NAME", help=_NOTEBOOK)
    lab = _command(commands, "open", _open, "open the logs as a notebook in JupyterLab")
    lab.add_argument("--notebook", default="incident", metavar="NAME", help=_NOTEBOOK)
    lab.add_argument("--folder", default="case", metavar="DIR", help="the folder for the notebook (case)")
    lab.add_argument("--no-browser", action="store_true", help="start JupyterLab and print its address only")
    check = _command(commands, "check", _check, "print what was read and what is missing")
    check.add_argument("--all", action="store_true", help="print every note, object and malformed line that is kept")
    _command(commands, "plan", _plan, "print what reading a source will take: objects, bytes, time, what AWS charges")
    _cache_command(commands)
    cli_aws.add(commands)
    return parser


_NOTEBOOK = "a notebook of flowkit's, incident, health_checks or aws, or the path of your own (incident)"


_SOURCE = (
    "a file, a folder in any layout, a quoted pattern, s3://bucket/prefix, or cwl:LOG-GROUP; none is where --nlb logs"
)

_COPIES = "second copies of a record, which are counted in any case: keep them, or leave them out (keep)"

_BY_HAND = "say what a cluster is: 'port 80, no payload=service' or …=health-check; may be given several times"


class _Assign(argparse.Action):
    """Gathers decisions; the names of clusters are checked where the clusters are known."""

    def __call__(self, parser: argparse.ArgumentParser, given: argparse.Namespace, text: Any, *_: object) -> None:
        cluster, sign, kind = str(text).rpartition("=")
        if not (sign and cluster and kind):
            parser.error(f"--assign takes CLUSTER=KIND, such as 'port 80, no payload=service', not {text!r}")
        given.assign = {**(given.assign or {}), cluster.strip(): kind.strip()}


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"flowkit {version('flowkit')}")
        parser.exit()


def _command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    words: str,
) -> Parser:
    description = f"{words[0].upper()}{words[1:]}."
    usage = f"flowkit {name} [SOURCE] [--start TIME] [--end TIME] [--tz ZONE] [options]"
    parents = [_of_reading(), _of_aws()]
    parser: Parser = commands.add_parser(name, help=words, usage=usage, description=description, parents=parents)
    parser.set_defaults(run=run)
    parser.add_argument("source", metavar="SOURCE", nargs="?", help=_SOURCE)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--nlb", metavar="NAME", help="the load balancer to look at: its name, ARN or DNS name in AWS")
    which.add_argument("--context", dest="nlb", type=_context, metavar="FILE.json", help=_CONTEXT)
    return parser


def _of_reading() -> argparse.ArgumentParser:
    """Return the flags for the span, for how logs are read, and for what is known of the load balancer beforehand."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--start", metavar="TIME", help="'2026-05-14 23:00' in the zone of --tz, or with an offset")
    parent.add_argument("--end", metavar="TIME", help="the end of the span, as --start")
    parent.add_argument("--tz", default="UTC", metavar="ZONE", help="the zone of every time, as Asia/Tokyo (UTC)")
    logs = parent.add_argument_group("how the logs are read")
    logs.add_argument("--fields", metavar="FIELDS", help="fields of logs without a header: '${version} ${srcaddr} …'")
    logs.add_argument("--duplicates", choices=("keep", "drop"), default="keep", help=_COPIES)
    logs.add_argument("--cache", metavar="DIR", help="where to keep what was read (your user cache folder)")
    known = parent.add_argument_group("what you know beforehand")
    known.add_argument("--assign", action=_Assign, metavar="CLUSTER=KIND", help=_BY_HAND)
    known.add_argument("--lb-addresses", type=_names, metavar="ADDRESS,…", help="the load balancer's own addresses")
    known.add_argument("--target-groups", metavar="FILE", help=_GROUPS)
    known.add_argument("--ip-ranges", metavar="FILE", help="AWS's ip-ranges.json, to name addresses of its services")
    return parent


_GROUPS = "how it checks its targets: CSV or JSON with name, port, interval_s, unhealthy_threshold and the like"
_CONTEXT = "a load balancer as  flowkit nlb NAME -o FILE.json  kept it: needs no access to AWS"


def _context(path: str) -> str:
    if not path.endswith(".json"):
        raise argparse.ArgumentTypeError(f"{path!r} is no context file: its name ends in .json")
    return path


def _of_aws() -> argparse.ArgumentParser:
    """Return the flags for sources in AWS: what of them is wanted, how much, and with which session."""
    parent = argparse.ArgumentParser(add_help=False, parents=[access.flags()])
    group = parent.add_argument_group("what of a source in AWS")
    group.add_argument("--accounts", type=_names, metavar="ID,…", help="only these accounts")
    group.add_argument("--regions", type=_names, metavar="REGION,…", help="only these regions' logs")
    group.add_argument("--flow-log-ids", type=_names, metavar="fl-…,…", help="only these flow logs")
    group.add_argument("--interfaces", type=_names, metavar="eni-…,…", help="only these network interfaces")
    group.add_argument(
        "--max-gb", type=number("number of GB", least=0), metavar="GB", help="refuse to read more than this"
    )
    group.add_argument("--yes", action="store_true", help="do not ask before a large load")
    return parent


def _names(words: str) -> list[str]:
    return [word for word in words.replace(",", " ").split() if word]


def _cache_command(commands: Commands) -> None:
    words = "list what was read and kept on the disk, or clear it"
    parser = commands.add_parser("cache", help=words, description=f"{words[0].upper()}{words[1:]}.")
    parser.set_defaults(run=_cache)
    parser.add_argument(
        "what", nargs="?", choices=("list", "clear"), default="list", help="list (the default) or clear"
    )
    parser.add_argument(
        "--older-than",
        type=number("number of days", least=0, most=36_500),
        metavar="DAYS",
        help="clear only what was not used for so many days",
    )
    parser.add_argument("--yes", action="store_true", help="clear without asking")
    parser.add_argument("--cache", metavar="DIR", help="the cache's folder (your user cache folder)")


def _report(given: argparse.Namespace) -> int:
    from flowkit.reporting import report

    _looked_for(given)
    output = given.output or f"{given.notebook.removesuffix('.ipynb').rpartition('/')[2]}.html"
    how = {"progress": _cells, "parameters": _parameters(given), **_common(given)}
    fresh = not Path(output).parent.exists()
    with TemporaryDirectory(prefix="flowkit-") as folder:
        written = report(given.notebook, Path(folder, "page.html") if output == "-" else output, **how)
        _clear()
        print(written.read_text("utf-8") if output == "-" else written)
    if fresh:
        print(f"flowkit: the folder {Path(output).parent} was made for it", file=sys.stderr)
    return 0


def _open(given: argparse.Namespace) -> int:
    from flowkit.reporting.lab import open_lab, prepare

    of = _looked_for(given)
    if of.balancer:
        given.nlb = str(of.balancer.save(Path(given.folder, "nlb.json")).absolute())
    if given.ip_ranges:
        given.ip_ranges = str(Path(given.ip_ranges).expanduser().absolute())
    if given.target_groups:  # JupyterLab works in the case folder
        given.target_groups = str(Path(given.target_groups).expanduser().absolute())
    more = {"parameters": _parameters(given), **_common(given, source=False)}
    path = prepare(given.source, given.folder, notebook=given.notebook, **more)
    print(path)
    return open_lab(path, browser=not given.no_browser)


def _check(given: argparse.Namespace) -> int:
    from flowkit.case import load
    from flowkit.case.check import text

    def confirm(ahead: Preflight) -> None:
        _go_on(ahead, given)

    case: Case = load(**_common(given), **_aws(given), **_known(given), duplicates=given.duplicates, confirm=confirm)
    print(text(case, every=given.all))
    return 0


def _cache(given: argparse.Namespace) -> int:
    from datetime import timedelta

    from flowkit.case import cache
    from flowkit.case.check import shelves

    if given.what == "list":
        print(shelves(cache.shelves(given.cache), cache.home(given.cache)))
        return 0
    age = None if given.older_than is None else timedelta(days=given.older_than)
    doomed = cache.unused(given.cache, older_than=age)
    print(shelves(doomed, cache.home(given.cache)))
    if doomed and (given.yes or _agreed("clear this?")):
        cache.clear(given.cache, older_than=age)
        print("cleared: it is read again when it is next asked for")
    return 0


def _agreed(question: str) -> bool:
    try:
        return sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _plan(given: argparse.Namespace) -> int:
    _, ahead = _ahead(given)
    print(ahead.text())
    ahead.check(given.max_gb)
    return 0


def _ahead(given: argparse.Namespace) -> tuple[About, Preflight]:
    from flowkit.case import cache
    from flowkit.case.about import Wanted, about
    from flowkit.case.preflight import preflight
    from flowkit.sources import find, home
    from flowkit.times import span

    session = access.given(given)
    wanted = Wanted(**{name: getattr(given, name) for name in _WANTED})
    start, end = span(given.start, given.end, given.tz)
    of = about(given.source, given.nlb, wanted, start=start, access=session, ip_ranges=given.ip_ranges)
    session = of.access
    objects = find(of.source, start, end, access=session, fields=given.fields, tz=given.tz, **of.wanted.asked())
    held = cache.identities(cache.shelf(cache.home(given.cache), home(of.source)))
    return of, preflight(str(of.source), objects, held, region=session.region, listed=session.calls["s3:ListObjectsV2"])


def _looked_for(given: argparse.Namespace) -> About:
    """Say at once that there is nothing to read, or how much, before a notebook is started for it."""
    of, ahead = _ahead(given)
    ahead.check(given.max_gb)
    _go_on(ahead, given)
    return of


def _go_on(ahead: Preflight, given: argparse.Namespace) -> None:
    """Say what a load that is not small will take, and ask before a large one."""
    if not ahead.small:
        print(ahead.line(), file=sys.stderr)
    if ahead.asks and not given.yes and not _agreed("go on?"):
        raise FlowkitError("nothing was read: say --yes to read that much, or take a shorter span")


_WANTED = ("accounts", "regions", "flow_log_ids", "interfaces")


def _aws(given: argparse.Namespace) -> dict[str, Any]:
    """Return what `load` is told of AWS: nothing where no flag was given."""
    names = ("region", "profile", "role_arn", "external_id")
    session = {name: getattr(given, name) for name in names if getattr(given, name)}
    chosen = {
        name: getattr(given, name)
        for name in (*_WANTED, "max_gb", "nlb", "ip_ranges")
        if getattr(given, name) is not None
    }
    return {**({"access": session} if session else {}), **chosen}


def _parameters(given: argparse.Namespace) -> dict[str, Any]:
    """Return what the notebook takes besides: only what was asked for, so that a notebook without the name will do."""
    dropped = {"duplicates": given.duplicates} if given.duplicates != "keep" else {}
    return dropped | _known(given) | ({"aws": _aws(given)} if _aws(given) else {})


def _known(given: argparse.Namespace) -> dict[str, Any]:
    """Return what is known of the load balancer, as far as it was given."""
    known = {"lb_addresses": given.lb_addresses, "target_groups": given.target_groups}
    return {name: value for name, value in known.items() if value is not None}


def _common(given: argparse.Namespace, *, source: bool = True) -> dict[str, Any]:
    names = ("source", "start", "end", "tz", "cache", "fields", "assign")
    return {name: getattr(given, name) for name in names if source or name != "source"}


def _cells(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2Krunning the notebook: {done} of {total} cells")
        sys.stderr.flush()


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[2K")


if __name__ == "__main__":
    sys.exit(main())
