"""The shell blocks of the README can be pasted on a bare Debian, by a user with sudo: install, first claim, removal."""

from __future__ import annotations

import re
import subprocess

from tests.docker.support import ROOT, Container

# What a Debian that somebody logs in to has, and the base image of docker/bases does not. Its policy is that no service
# starts; the home of a user is closed to others, as adduser makes it.
BARE = """
    rm -f /usr/sbin/policy-rc.d
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends sudo ca-certificates > /dev/null
    useradd --create-home --shell /bin/bash ana
    echo 'ana ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/ana
    mkdir /home/ana/integratedb
    tar --extract --file /tmp/source.tar --directory /home/ana/integratedb
    chown -R ana: /home/ana
    chmod 0700 /home/ana
"""


def blocks() -> list[str]:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_readme_run_on_a_bare_debian() -> None:
    install, remove = blocks()
    with Container("debian:bookworm").with_command(["sleep", "3600"]) as machine:
        name = machine.get_wrapped_container().name
        tree = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split("\0")
        present = [file for file in tree if file and (ROOT / file).exists()]
        archive = subprocess.run(
            ["tar", "--create", "--null", "--files-from=-"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            input="\0".join(present).encode(),
        ).stdout
        subprocess.run(["docker", "exec", "-i", name, "sh", "-c", "cat > /tmp/source.tar"], input=archive, check=True)
        machine.run(BARE, DEBIAN_FRONTEND="noninteractive")
        as_ana = "cd ~/integratedb\n"
        said = machine.run(as_ana + install, user="ana", HOME="/home/ana", DEBIAN_FRONTEND="noninteractive")
        assert "integratedb is installed in database mydb." in said
        assert "ERROR:  invalid migration (ALTER TABLE): it breaks a claim of mailer" in said
        assert re.search(r"^armed +yes$", said, re.MULTILINE)
        machine.run(as_ana + remove, user="ana", HOME="/home/ana")
        assert machine.run("find / -xdev -name 'integratedb--*.sql' -path '/usr/*'") == ""
