"""The stack's commands, which `make up` and its kin call: up, down, status, env, wipe.

Only this module reads arguments; it must not start anything itself.
"""

import argparse
import shlex
import sys
from pathlib import Path

from brewsaga.stack import jars, supervisor
from brewsaga.stack.config import StackConfig, StackError, data_folder, make_up_ports

NOT_RUNNING = 1


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
    except StackError as error:
        print(error, file=sys.stderr)
        return NOT_RUNNING


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m brewsaga.stack", description=__doc__)
    kafka_port, postgres_port = make_up_ports()
    commands = parser.add_subparsers(required=True, metavar="up|down|status|env|wipe|pin")
    up = commands.add_parser("up", help="start what does not run, in the background")
    up.add_argument("--postgres-port", type=int, default=postgres_port)
    up.add_argument("--kafka-port", type=int, default=kafka_port)
    up.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="end everything; the data stay")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", help="say what runs; exit 1 where something does not")
    status.set_defaults(run=_status)
    env = commands.add_parser("env", help="print the addresses as lines for a shell to evaluate")
    env.set_defaults(run=_env)
    wipe = commands.add_parser("wipe", help="end everything and remove the data")
    wipe.set_defaults(run=_wipe)
    for command in (up, down, status, env, wipe):
        command.add_argument("--data", type=Path, default=data_folder())
    pin = commands.add_parser("pin", help="resolve Kafka's jars anew and write their lock file")
    pin.set_defaults(run=_pin)
    supervise = commands.add_parser("supervise")
    supervise.add_argument("config")
    supervise.set_defaults(run=_supervise)
    return parser


def _up(options: argparse.Namespace) -> int:
    config = StackConfig.from_environment(
        options.data,
        postgres_port=options.postgres_port,
        kafka_port=options.kafka_port,
        brokers=options.brokers,
    )
    print(supervisor.up(config).description)
    return 0


def _down(options: argparse.Namespace) -> int:
    print("stopped" if supervisor.down(options.data) else "nothing was running")
    return 0


def _status(options: argparse.Namespace) -> int:
    state = supervisor.status(options.data)
    if state is None:
        print("nothing is running")
        return NOT_RUNNING
    alive = state.alive()
    print(state.description or "starting")
    for name, who in {"supervisor": state.supervisor, **state.servers}.items():
        print(f"{name:<16} {f'pid {who.pid}' if name in alive else 'not running: `up` starts it'}")
    return 0 if state.complete() else NOT_RUNNING


def _env(options: argparse.Namespace) -> int:
    state = supervisor.status(options.data)
    if state is None or not state.ready:
        raise StackError("nothing is running: start it with `up`")
    print(f"export KAFKA_BOOTSTRAP_SERVERS={shlex.quote(state.bootstrap)}")
    print(f"export BREWSAGA_POSTGRES_ADMIN_URL={shlex.quote(state.postgres_admin_url)}")
    return 0


def _wipe(options: argparse.Namespace) -> int:
    supervisor.wipe(options.data)
    print("stopped, and the data are removed")
    return 0


def _pin(_options: argparse.Namespace) -> int:
    print(f"{len(jars.write_lock())} jars pinned")
    return 0


def _supervise(options: argparse.Namespace) -> int:
    supervisor.supervise(supervisor.decode(options.config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
