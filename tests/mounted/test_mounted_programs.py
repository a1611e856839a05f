"""
More programs, each on a local disk and in a mount: what they print and leave is the same.

What a tree is when they are done is compared by type, mode, owner, size, bytes and links, also
after a remount.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = [pytest.mark.mounted, pytest.mark.slow]

STDLIB = Path(sysconfig.get_path("stdlib"))
QUIET = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_AUTHOR_DATE": "1600000000 +0000",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "LC_ALL": "C",
    "GIT_COMMITTER_DATE": "1600000000 +0000", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip


def sh(script, folder, **more):
    """Run a script in a folder; it has to succeed. Return what it printed."""
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **QUIET, **more},
    )
    assert 0 == done.returncode, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout


def tree(folder):
    """Describe everything below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        content = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = hashlib.md5(path.read_bytes()).hexdigest()
        elif not path.is_dir():
            content = "special"
        size = 0 if stat.S_ISDIR(info.st_mode) else info.st_size
        shown = (stat.filemode(info.st_mode), info.st_uid, info.st_gid, size, content)
        found[str(path.relative_to(folder))] = shown
    return found


def sources(folder):
    """Copy some real files into a folder."""
    for name in ("json", "email", "collections"):
        shutil.copytree(
            STDLIB / name, folder / "src" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "src/link").symlink_to("json/decoder.py")
    (folder / "src/run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "src/run.sh").chmod(0o755)


def rsync(folder):
    sources(folder)
    (folder / "src/json/tool.py").chmod(0o600)
    os.setxattr(folder / "src/json/tool.py", "user.note", b"kept")
    first = sh("rsync -aHX --delete -i src/ copy | sort", folder)
    again = sh("rsync -aHX --delete -i src/ copy", folder)
    sh("rm src/json/scanner.py; echo more >> src/json/tool.py; mv src/email src/mail", folder)
    sh("touch -d '2011-12-13 14:15:16' src src/json src/json/tool.py", folder)
    third = sh("rsync -aHX --delete -i src/ copy | sort; diff -r --no-dereference src copy", folder)
    assert b"kept" == os.getxattr(folder / "copy/json/tool.py", "user.note")
    return first, again, third, sh("rsync -aHX --delete -i src/ copy", folder)


def zip_and_unzip(folder):
    sources(folder)
    sh("zip -qry all.zip src; mkdir out; cd out; unzip -q ../all.zip; unzip -tq ../all.zip", folder)
    listed = sh("cd out; find . -type f | sort | xargs cksum", folder)
    sh("rm all.zip", folder)  # it has the times in it
    return listed


def make(folder):
    (folder / "main.c").write_text(
        '#include <stdio.h>\n#include "part.h"\nint main(void)'
        ' { printf("%d\\n", part(20)); return 0; }\n'
    )
    (folder / "part.h").write_text("int part(int);\n")
    (folder / "part.c").write_text('#include "part.h"\nint part(int n) { return 2 * n + 2; }\n')
    (folder / "Makefile").write_text(
        "all: program libpart.a\n"
        "program: main.o part.o\n\tcc -o $@ $^\n"
        "libpart.a: part.o\n\tar rcD $@ $^\n"
        "%.o: %.c part.h\n\tcc -O1 -frandom-seed=$< -c $< -o $@\n"
        "clean:\n\trm -f *.o *.a program\n"
    )
    printed = [sh("make -s -j4; ./program; make -q && echo nothing to do", folder)]
    (folder / "part.c").write_text('#include "part.h"\nint part(int n) { return n; }\n')
    printed += [sh("touch part.c; make -s; ./program; make -s clean; ls", folder)]
    return printed


def venv(folder):
    """Its own interpreter, and a package of one's own; times and paths are in many files."""
    package = folder / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "greeting"\nversion = "1"\n'
    )
    (package / "backend.py").write_text(
        "import zipfile\n"
        "def build_wheel(directory, config_settings=None, metadata_directory=None):\n"
        "    name = 'greeting-1-py3-none-any.whl'\n"
        "    info = 'greeting-1.dist-info/'\n"
        "    with zipfile.ZipFile(f'{directory}/{name}', 'w') as wheel:\n"
        "        wheel.writestr('greeting.py', 'def greet():\\n    print(\"hello\")\\n')\n"
        "        wheel.writestr(info + 'METADATA',"
        " 'Metadata-Version: 2.1\\nName: greeting\\nVersion: 1\\n')\n"
        "        wheel.writestr(info + 'WHEEL',"
        " 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr(info + 'entry_points.txt',"
        " '[console_scripts]\\ngreet = greeting:greet\\n')\n"
        "        wheel.writestr(info + 'RECORD', '')\n"
        "    return name\n"
    )
    sh(
        f"{sys.executable} -m venv env; env/bin/pip install -q --no-build-isolation ./package",
        folder,
    )
    printed = sh("env/bin/greet; env/bin/pip list --format=freeze | grep greeting", folder)
    printed += sh("env/bin/pip uninstall -qy greeting; ls env/bin | grep -c greet || true", folder)
    names = sorted(str(path.relative_to(folder)) for path in (folder / "env").rglob("*.py"))
    shutil.rmtree(folder / "env")
    return printed, names


def editors(folder):
    """In place, by a temporary file and a rename, and by cutting the file first."""
    (folder / "text").write_text("one\ntwo\nthree\n")
    sh("sed -i.bak s/two/2/ text; sed -i 1d text; printf 'more\\n' >> text", folder)
    sh("vim -es -u NONE -i NONE -c '%s/three/3/' -c wq text", folder)
    sh("perl -pi -e 's/more/less/' text; tee copy < text > /dev/null; : > empty", folder)
    return sh("cat text copy text.bak; ls -A", folder)


def finding(folder):
    sources(folder)
    sh("touch -d '2001-02-03 04:05:06' src/json; chmod g-w src/email", folder)
    return (
        sh("find . -printf '%y %m %n %p %l\\n' | grep -v '^d' | sort", folder),
        sh(
            "find . -type d -printf '%m %p\\n' | sort; find . -newermt 2002-01-01 -name json",
            folder,
        ),
        sh("find src -name '*.py' -size +4k -exec wc -c {} + | sort", folder),
        sh(
            "du -b --apparent-size src/json/*.py; find src -empty; find src -name '__*' -delete",
            folder,
        ),
        sh("grep -rc import src | sort; ls -R src", folder),
    )


def copies(folder):
    """Holes, parts, whole trees, and back again."""
    sh("truncate -s 3M sparse; printf end >> sparse; cp --sparse=always sparse sparse2", folder)
    sh("cmp sparse sparse2; cp -a --reflink=auto sparse sparse3; rm sparse", folder)
    sh("head -c 500000 /dev/zero | tr '\\0' x > data", folder)
    sh("printf 12345 | dd of=data bs=1 seek=70000 conv=notrunc status=none", folder)
    sh(
        "dd if=data of=part bs=1000 skip=69 count=3 status=none; split -b 100000 data piece-",
        folder,
    )
    sources(folder)
    sh("mv src moved; mkdir into; mv moved into; mv -n into/moved/json into/json", folder)
    sh("cp -a into into2; mv into2/moved/link renamed; install -D -m 750 data deep/er/data", folder)
    sh("cat piece-* | cmp - data; ln -s data link; mv link link2; rm -rf into2/json", folder)
    return sh("ls -A; cksum data part", folder)


def git(folder):
    sources(folder)
    sh("cd src; git init -qb main; git add .; git commit -qm one; git branch side", folder)
    sh("cd src; git mv run.sh walk.sh; git commit -qam two; git checkout -q side", folder)
    sh(
        "cd src; echo more >> json/tool.py; git commit -qam three; git merge -q -m both main",
        folder,
    )
    sh("cd src; git gc -q; git fsck --strict; git stash list; git tag v1", folder)
    sh("git clone -q src clone; cd clone; git checkout -q -b own; git rm -qr email", folder)
    sh(
        "cd clone; git commit -qm four; git push -q origin own; git worktree add -q ../tree v1",
        folder,
    )
    printed = sh("cd src; git log --all --graph --format='%h %s'; git status --porcelain", folder)
    printed += sh(
        "cd clone; git worktree remove ../tree; git status -sb; git diff v1 --stat", folder
    )
    files = tree(folder)
    for name in ("src/.git", "clone/.git"):  # indexes have inode numbers in them
        shutil.rmtree(folder / name)
    return printed, sorted(name for name in files if "/objects/" in name and "/pack/" not in name)


def writers(folder):
    """Eight processes at once: files of their own, one they all append to, one they fill."""
    program = (
        "import os, sys\n"
        "n = int(sys.argv[1])\n"
        "for number in range(10):\n"
        "    with open(f'{n}-{number}.tmp', 'wb') as file:\n"
        "        file.write(bytes([n]) * (1000 * number))\n"
        "    os.rename(f'{n}-{number}.tmp', f'{n}-{number}')\n"
        "    with open('log', 'ab', buffering=0) as log:\n"
        "        log.write(b'%d-%d\\n' % (n, number))\n"
        "fd = os.open('shared', os.O_RDWR)\n"
        "for at in range(n, 80, 8):\n"
        "    os.pwrite(fd, bytes([n]) * 5000, at * 5000)\n"
        "os.close(fd)\n"
    )
    (folder / "shared").write_bytes(b"")
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(n)], cwd=folder) for n in range(8)
    ]
    assert [0] * 8 == [one.wait() for one in running]
    lines = sorted((folder / "log").read_text().splitlines())
    (folder / "log").write_text("\n".join(lines))
    return lines


PROGRAMS = (
    rsync, zip_and_unzip, make, venv, editors, finding, copies, git, writers,
)  # fmt: skip

NEEDS = {
    rsync: ["rsync"], zip_and_unzip: ["zip", "unzip"], make: ["cc", "make", "ar"],
    editors: ["sed", "vim", "perl"], git: ["git"],
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_programs_do_what_they_do_on_a_local_disk(mounted, tmp_path, program):
    """They print the same and leave the same, also after a remount."""
    local, remote = tmp_path / "folder", mounted.path / "folder"
    for folder in (local, remote):
        folder.mkdir()

    if missing := [name for name in NEEDS.get(program, ()) if shutil.which(name) is None]:
        pytest.skip(f"not installed: {missing}")
    wanted, got = program(local), program(remote)

    assert wanted == got
    assert tree(local) == tree(remote)
    assert 0 == mounted.umount().returncode
    assert mounted.is_clean()
    mounted.mount()
    assert tree(local) == tree(remote)
