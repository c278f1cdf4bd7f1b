"""Tells the story of the demo: runs the blocks of demo/story.md on a server that is up, and shows them on the terminal.

    python3 -m demo.tell DIRECTORY      the directory of scripts/cluster; the database shop is made in it

The blocks are those of tests/examples.py: ``sql`` that begins with ``-- as <role>`` runs in psql, ``console`` runs in a
shell. ``<!-- run: command -->`` runs in that shell too, and is not shown. Nothing but the standard library is needed.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.examples import PASSWORD, Psql, Shell

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "demo/story.md"
DATABASE = "shop"

STEPS = re.compile(
    r"^## (?P<chapter>.+)\n"
    r"|^```sql\n-- as (?P<role>\w+)\n(?P<code>(?s:.*?))^```\n(?:\n```text\n(?P<answer>(?s:.*?))^```\n)?"
    r"|^```console\n(?P<console>(?s:.*?))^```\n"
    r"|^<!-- run: (?P<hidden>.*?) -->\n"
    r"|^(?P<prose>(?!```|#|<!--)\S.*(?:\n(?!```|#|<!--)\S.*)*)\n",
    re.MULTILINE,
)
COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<answer>(?:(?!\$ ).*\n)*)", re.MULTILINE)
VARIABLE = re.compile(r"\$([A-Z][A-Z_]+)\b")

PREPARATION = """
    CREATE ROLE shop_owner LOGIN;
    CREATE ROLE shop_admin LOGIN;
    CREATE SCHEMA shop AUTHORIZATION shop_owner;
    SET SESSION AUTHORIZATION shop_owner;
"""


@dataclass(frozen=True)
class Step:
    """A piece of the page: a chapter, prose, or something to run, with the place of its answer on the page."""

    kind: str
    text: str
    role: str = ""
    answer: str | None = None
    span: tuple[int, int] = (0, 0)


def steps(page: str) -> Iterator[Step]:
    """Take the page apart, from its first chapter on."""
    for found in STEPS.finditer(page, page.index("\n## ") + 1):
        if found["code"] is not None:
            yield Step("sql", found["code"].rstrip("\n"), found["role"], found["answer"], found.span("answer"))
        elif found["console"] is not None:
            start = found.start("console")
            for entry in COMMAND.finditer(found["console"]):
                first, last = entry.span("answer")
                yield Step("console", entry["command"], "", entry["answer"], (start + first, start + last))
        else:
            kind = next(name for name in ("chapter", "hidden", "prose") if found[name] is not None)
            yield Step(kind, found[kind])


class Stage:
    """A new database, the roles' sessions on it, and a shell beside it."""

    def __init__(self, home: str, port: int, *, linestyle: str, path: str) -> None:
        self.home, self.port, self.linestyle = home, port, linestyle
        self.passwords: dict[str, str] = {}
        bindir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"], text=True).strip()
        self.psql = f"{bindir}/psql"
        self.variables = {
            "RECEIVER_PORT": str(free_port()),
            "REDIS_PORT": str(free_port()),
            "DAEMON_PORT": str(free_port()),
            "API_PORT": str(free_port()),
            "WEBHOOK_SECRET": "whsec_" + base64.b64encode(os.urandom(24)).decode(),
        }
        # Settings of whoever runs the demo (PGUSER, PGSERVICE, INTEGRATEDB_DSN) are not meant for its server.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "INTEGRATEDB_"))}
        self.environment = kept | {"PGCLIENTENCODING": "UTF8", "PGTZ": "UTC"}
        connection = {"PGHOST": home, "PGPORT": str(port), "PGDATABASE": DATABASE, "PGUSER": "shop_admin"}
        self._exit = ExitStack()
        self.directory = Path(self._exit.enter_context(tempfile.TemporaryDirectory()))
        environment = self.environment | connection | self.variables
        environment |= {"DEMO": str(ROOT / "demo"), "PATH": f"{path}:{bindir}:{os.environ['PATH']}"}
        self.shell = Shell(environment, self.directory)
        self._exit.callback(self.shell.end)

    def __enter__(self) -> Stage:
        self.as_postgres("postgres", f"CREATE DATABASE {DATABASE}")
        self.as_postgres(DATABASE, PREPARATION + (ROOT / "demo/shop.sql").read_text(encoding="utf-8"))
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def as_postgres(self, database: str, statements: str) -> None:
        """Run what the story does not tell."""
        command = [self.psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", self.conninfo("postgres", database)]
        done = subprocess.run(
            command, env=self.environment, input=statements, text=True, capture_output=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"demo: {done.stderr}")

    def conninfo(self, role: str, database: str = DATABASE) -> str:
        """How a role connects: a stakeholder by its password, over TCP; everybody else is trusted, on the socket."""
        host = "127.0.0.1" if role in self.passwords else self.home
        return f"host={host} port={self.port} dbname={database} user={role}"

    def filled_in(self, step: Step) -> str:
        """The text of a step, with the values of the variables that SQL names."""
        if step.kind != "sql":
            return step.text
        return VARIABLE.sub(lambda found: self.variables.get(found[1], found[0]), step.text)

    def run(self, step: Step) -> str:
        """Run a step, and give what is printed for it."""
        if step.kind != "sql":
            return self.shell.run(step.text)
        options = ["--no-psqlrc", "--no-password", "--pset=footer=off", f"--pset=linestyle={self.linestyle}"]
        environment = self.environment | {"PGPASSWORD": self.passwords.get(step.role, "")}
        psql = Psql([self.psql, *options, self.conninfo(step.role)], environment, None)
        answer = psql.say(self.filled_in(step))
        psql.end()
        for name, password in PASSWORD.findall(answer):
            self.passwords[name] = password
            self.shell.run(f"export {name.upper()}_PASSWORD={password}")
        return answer.strip("\n")


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to clients."""
    for _ in range(100):
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise SystemExit("demo: there is no free port")


@dataclass
class Screen:
    """Where the story is shown. On a terminal: colours, lines broken at words, and a pause before each chapter."""

    is_terminal: bool = field(default_factory=sys.stdout.isatty)
    pauses: bool = field(default_factory=lambda: sys.stdin.isatty() and sys.stdout.isatty())
    chapters: int = 0

    @property
    def width(self) -> int:
        """The columns of the terminal; elsewhere long lines stay whole."""
        return shutil.get_terminal_size().columns if self.is_terminal else 100_000

    def styled(self, text: str, *codes: int) -> str:
        """The text in these colours, on a terminal."""
        return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if self.is_terminal else text

    def chapter(self, title: str) -> None:
        """Begin a chapter, when the reader is ready for it."""
        if self.chapters and self.pauses:
            self._pause()
        self.chapters += 1
        print(f"\n{self.styled(f'{self.chapters}. {title}', 1)}\n", flush=True)

    def _pause(self) -> None:
        hint = "Enter: the next chapter.  a: all chapters, without a pause.  Ctrl-C: stop here. "
        answer = input(self.styled(hint, 2))
        # Takes the hint away again, so that the story can be read as one text.
        print("\x1b[A\x1b[2K", end="")
        self.pauses = answer.strip().lower() != "a"

    def prose(self, text: str) -> None:
        """Show a paragraph or a list."""
        text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("`", "")
        for entry in re.split(r"\n(?=\d\. |- )", text):
            indent = "   " if re.match(r"\d\. ", entry) else ""
            print("\n".join(self._broken(" ".join(entry.split()), indent, min(self.width, 100))))
        print(flush=True)

    def prompt(self, role: str, text: str) -> None:
        """Show what is typed."""
        before = f"{role}=> " if role else "$ "
        for line in text.splitlines():
            print(self.styled(before, 1) + self.styled(line, 36))
            before = " " * len(before)
        sys.stdout.flush()

    def answer(self, text: str) -> None:
        """Show what is printed. Messages are broken between words, tables stay as they are."""
        for line in text.splitlines():
            if set(line) <= set("─- "):  # the line under the heads of a table
                line = line[: self.width]
            table = "│" in line or "|" in line
            for part in [line] if table else self._broken(line, "", self.width):
                print(self._highlighted(part.rstrip()))
        print(flush=True)

    def _broken(self, line: str, indent: str, width: int) -> list[str]:
        if len(line) <= width:
            return [line]
        return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

    def _highlighted(self, line: str) -> str:
        if label := re.match(r"(ERROR|DETAIL|HINT|WARNING|NOTICE):", line):
            codes = (1, 31) if label[1] == "ERROR" else (1,)
            return self.styled(label[0], *codes) + line[label.end() :]
        if re.fullmatch(r"BEGIN|COMMIT|GRANT ROLE|CREATE (EXTENSION|ROLE)|ALTER TABLE|UPDATE \d+", line):
            return self.styled(line, 2)
        return line


def tell(page: str, stage: Stage, screen: Screen) -> Iterator[tuple[Step, str]]:
    """Show and run one step after the other; gives those that were run, each with what was printed."""
    for step in steps(page):
        if step.kind == "chapter":
            screen.chapter(step.text)
        elif step.kind == "prose":
            screen.prose(step.text)
        elif step.kind == "hidden":
            yield step, stage.run(step)
        else:
            screen.prompt(step.role, stage.filled_in(step))
            answer = stage.run(step)
            screen.answer(answer)
            yield step, answer


def as_meant(step: Step, answer: str) -> bool:
    """Whether what was printed is an error, something else or nothing, as the answer on the page is."""
    if step.answer is None:
        return answer == ""
    return ("ERROR:" in answer) == ("ERROR:" in step.answer) and bool(answer) == bool(step.answer)


def farewell(stage: Stage, screen: Screen) -> None:
    """Say how to go on as each role, what was installed, and how all of it goes away."""

    def heading(text: str) -> None:
        print(f"\n{screen.styled(text, 1)}\n")

    psql = "psql" if shutil.which("psql") else stage.psql
    heading("Go on: the server is still running")
    for who, role in (
        ("the owner of the tables", "shop_owner"),
        ("the admin", "shop_admin"),
        ("a superuser", "postgres"),
    ):
        print(f'  {who:<24} {psql} "{stage.conninfo(role)}"')
    for role, password in stage.passwords.items():
        print(f"  {'stakeholder ' + role:<24} {psql} postgresql://{role}:{password}@127.0.0.1:{stage.port}/{DATABASE}")
    command = (
        f"{ROOT}/.build/companion/bin/integratedb status -h {stage.home} -p {stage.port} -U shop_admin -d {DATABASE}"
    )
    print(f"  {'the admin, by command':<24} {command}")

    heading("All of it by one command: database, daemon, data API, management API, with the shop filled in")
    print(f"  {ROOT}/.build/companion/bin/integratedb start --demo --data {stage.home}/start")

    heading("What is on this machine now, and how to remove it")
    sharedir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--sharedir"], text=True).strip()
    print(f"  make demo-stop       the server, in {stage.home}, on port {stage.port} of 127.0.0.1")
    print(f"  make uninstall       the files of the extension, in {sharedir}")
    print(f"  rm -r .build         the command integratedb with its Python packages, in {ROOT}/.build")
    packages = installed()
    if packages:
        print("  apt-get remove ...   Debian packages that were not there before, as .build/installed lists them:")
        print(wrapped(" ".join(packages), " " * 23, min(screen.width, 100)))
    print(f"\n{screen.styled('make demo', 1)} starts afresh.", flush=True)


def installed() -> list[str]:
    """What scripts/bootstrap has noted: the Debian packages that were not there before."""
    note = ROOT / ".build/installed"
    return note.read_text(encoding="utf-8").split() if note.exists() else []


def wrapped(text: str, indent: str, width: int) -> str:
    """Words on as many lines as they need."""
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def main() -> int:
    """Tell the story on the cluster of this directory."""
    home = str(Path(sys.argv[1]).resolve())
    dsn = dict(part.split("=", 1) for part in Path(home, "dsn").read_text().split())
    linestyle = "unicode" if sys.stdout.encoding.lower() == "utf-8" else "ascii"
    path = f"{ROOT}/.build/companion/bin:{ROOT}/.build/bin"
    screen = Screen()
    try:
        with Stage(home, int(dsn["port"]), linestyle=linestyle, path=path) as stage:
            for step, answer in tell(PAGE.read_text(encoding="utf-8"), stage, screen):
                if not as_meant(step, answer):
                    print(f"demo: the story has another answer to this:\n{step.text}\n{answer}", file=sys.stderr)
                    return 1
            farewell(stage, screen)
    except (KeyboardInterrupt, EOFError):
        print("\nStopped. The server is still running: make demo-stop removes it.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
