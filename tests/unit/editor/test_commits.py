"""Publishing in a git repository: exactly the published files are committed, under a pseudonym; git never stops a publication."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.editor.roles import Role
from tests.support.editor import BrowserWithoutScripts, EditorWorld
from tests.unit.editor.test_editing import PATH, publish, save

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

_IDENTITY = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "init.defaultBranch=main")


def git(world: EditorWorld, *arguments: str, fails: bool = False) -> str:
    """Run git in the repository as a person there does."""
    ended = subprocess.run(["git", *_IDENTITY, *arguments], cwd=world.folder, capture_output=True, text=True, check=False)
    assert bool(ended.returncode) is fails, ended.stderr
    return ended.stdout


@pytest.fixture
def browser(world: EditorWorld) -> BrowserWithoutScripts:
    """A reviewer's browser; the content folder lies in a repository with work of other people in it."""
    person = world.person(Role.REVIEWER)
    (world.folder / ".gitignore").write_text("ruta.db*\n")
    (world.folder / "other.txt").write_text("one")
    git(world, "init", "-q")
    git(world, "add", ".")
    git(world, "commit", "-q", "-m", "Begin")
    (world.folder / "other.txt").write_text("staged")
    git(world, "add", "other.txt")
    (world.folder / "other.txt").write_text("changed again")
    (world.folder / "new.txt").write_text("untracked")
    return world.browser(person)


OTHERS = ["MM other.txt", "?? new.txt"]


def status(world: EditorWorld) -> list[str]:
    """Return what is not committed."""
    return git(world, "status", "--short").splitlines()


def change(world: EditorWorld, browser: BrowserWithoutScripts, title: str, address: str = "") -> str:
    """Publish another title and return the page that follows."""
    save(browser, **({"address": address} if address else {}), title=title)
    draft = world.parts.drafts.all_open()[0]
    page = browser.get(f"/drafts/{draft.id}").text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    return browser.post(f"/drafts/{draft.id}/publish", follow=True, seen=seen, reason="Tarifa nueva\n\nSigned-off-by: x").text


def test_exactly_the_published_file_is_committed(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """Topic, language and reason are the message, a number is the name; what others staged and changed stays as it is."""
    assert status(world) == OTHERS
    change(world, browser, "Uno")
    assert status(world) == OTHERS
    assert git(world, "show", "--name-only", "--format=%an <%ae> %cn", "HEAD").split("\n") == [
        "Editor 1 <editor-1@ruta-segura.invalid> Editor 1",
        "",
        f"content/{PATH}",
        "",
    ]
    message = git(world, "log", "-1", "--format=%B")
    assert message.splitlines()[0] == "passport (es): Tarifa nueva Signed-off-by: x"
    assert "Ana" not in message
    assert "example.org" not in message
    version = world.parts.versions.of(PATH)[0]
    assert version.commit_id == git(world, "rev-parse", "HEAD").strip()
    assert version.commit_id[:10] in browser.get(f"/history/{PATH}").text


def test_new_and_retired_files_are_committed(world: EditorWorld, browser: BrowserWithoutScripts) -> None:
    """A file that git did not know, and one that was taken out."""
    path = "routes/passport/fr.md"
    (world.parts.content / path).unlink(missing_ok=True)
    if f"content/{path}" in git(world, "ls-files"):
        git(world, "commit", "-q", "-m", "Gone", "--only", "--", f"content/{path}")
    fields = {
        "title": "Le passeport",
        "menu_title": "Passeport",
        "lead": "Demandez-le en personne et vérifiez avant d'y aller.",
        "base_text": "",
    }
    browser.post("/topics/passport/answer/general/fr", **fields)
    assert publish(browser, world.parts.drafts.find(path).id).status_code == 303
    assert git(world, "show", "--name-status", "--format=", "HEAD").split() == ["A", f"content/{path}"]
    browser.post("/topics/passport/retire", file="fr.md", reason="Sin revisar")
    assert publish(browser, world.parts.drafts.find(path).id).status_code == 303
    assert git(world, "show", "--name-status", "--format=", "HEAD").split() == ["D", f"content/{path}"]
    assert status(world) == OTHERS


def test_merge_is_left_alone(world: EditorWorld, browser: BrowserWithoutScripts, caplog: pytest.LogCaptureFixture) -> None:
    """In the middle of a merge the text goes live, nothing is committed, the person is told, and the merge can be finished."""
    git(world, "stash", "-q")
    git(world, "checkout", "-q", "-b", "side")
    (world.folder / "other.txt").write_text("theirs")
    git(world, "commit", "-q", "-a", "-m", "Theirs")
    git(world, "checkout", "-q", "main")
    (world.folder / "other.txt").write_text("ours")
    git(world, "commit", "-q", "-a", "-m", "Ours")
    git(world, "merge", "side", fails=True)
    before = git(world, "rev-parse", "HEAD")
    page = change(world, browser, "Uno")
    assert "hay una fusión" in page
    assert 'title: "Uno"' in world.parts.folder.read(PATH)
    assert git(world, "rev-parse", "HEAD") == before
    assert "commit_skipped files=1 code=busy" in caplog.text
    assert world.parts.versions.of(PATH)[0].commit_id == ""
    (world.folder / "other.txt").write_text("both")
    git(world, "add", "other.txt")
    git(world, "commit", "-q", "-m", "Merged")
    change(world, browser, "Dos")
    assert git(world, "show", "--name-only", "--format=", "HEAD").split() == [f"content/{PATH}"]


@pytest.mark.parametrize("trouble", ["lock", "detached", "no git", "hook"])
def test_publication_stands_when_git_fails(
    world: EditorWorld, browser: BrowserWithoutScripts, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """A lock of somebody else, no branch, no program: the text is live and the page says that git has not got it."""
    hook_ran = world.folder / "hook-ran"
    if trouble == "lock":
        (world.folder / ".git" / "index.lock").write_text("")
    elif trouble == "detached":
        git(world, "checkout", "-q", "--detach")
    elif trouble == "no git":
        monkeypatch.setenv("PATH", str(world.folder))
    else:
        hook = world.folder / ".git" / "hooks" / "pre-commit"
        hook.write_text(f"#!/bin/sh\ntouch {hook_ran}\nexit 1\n")
        hook.chmod(0o755)
    page = change(world, browser, "Uno")
    assert 'title: "Uno"' in world.parts.folder.read(PATH)
    assert ("no quedó en git" in page or "git no pudo guardarlo" in page) is (trouble != "hook")
    assert not hook_ran.exists()


def test_folder_outside_git_is_published_quietly(world: EditorWorld) -> None:
    """Without a repository there is nothing to say."""
    browser = world.browser(world.person(Role.REVIEWER))
    assert not any((parent / ".git").exists() for parent in Path(world.folder).parents), os.fspath(world.folder)
    page = change(world, browser, "Uno")
    assert "git" not in page[page.index('id="notices"') : page.index("<h1>")]
