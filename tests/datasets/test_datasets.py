import os
import stat
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.audio import music, write
from support.command_line import Cli

from m2l_bench import audio
from m2l_bench.cards import load_cards
from m2l_bench.datasets import bundled, folder, musiccaps
from m2l_bench.datasets.musiccaps_download import download
from m2l_bench.errors import UserError
from m2l_bench.progress import Quiet
from m2l_bench.reconstruction.plan import Settings, make_plan

LIST = "ytid,start_s,end_s,caption\n-aaa,30,40,one\nbbb,0,10,two\nccc,10,20,three\nbbb,0,10,again\n"


def test_bundled_clips_are_complete_and_attributed() -> None:
    rows, clips = bundled.manifest(), bundled.load().clips
    assert len(clips) == len(rows) == 30
    for row, clip in zip(rows, clips, strict=True):
        assert audio.duration_seconds(clip.path) == pytest.approx(10.0)
        assert row["licence"] and row["attribution"] and row["source"]


def test_folder_ids_are_paths_below_it_and_never_clash(tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac", "sub/b.WAV", ".hidden/c.wav", "sub/.d.wav"):
        write(tmp_path / name, music(0.01))
    (tmp_path / "readme.txt").touch()
    assert [clip.id for clip in folder.load(tmp_path).clips] == ["a.flac", "a.wav", "sub/b"]


def test_a_folder_without_audio_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no audio file in it"):
        folder.load(tmp_path)


def test_the_first_of_two_clips_with_one_id_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = bundled.load().clips[0]
    monkeypatch.setattr(bundled, "load", lambda data: folder.Dataset((clip, clip), "bundled"))
    cards = load_cards()
    plan = make_plan(cards.task("bundled"), [], None, Settings(), skip_unavailable=True, embeddings=cards.embeddings)
    assert plan.dataset.clips == (clip,)
    assert plan.notes == ("two clips have the id 'brahms_strings': only the first is used",)


def test_musiccaps_sections_are_cut_from_whole_videos_only(tmp_path: Path) -> None:
    (tmp_path / musiccaps.CSV_NAME).write_text(LIST)
    write(tmp_path / "-aaa.wav", music(42, 8000), 8000)
    write(tmp_path / "bbb.flac", music(10.3, 8000), 8000)
    write(tmp_path / "ccc.wav", music(15, 8000), 8000)
    dataset = musiccaps.load(tmp_path)
    whole, cut, neither = dataset.clips
    assert (whole.id, whole.start_seconds, whole.duration_seconds) == ("-aaa", 30.0, 10.0)
    assert (cut.id, cut.start_seconds, cut.duration_seconds) == ("bbb", 0.0, None)
    assert "lasts 15.0 s: neither the 10 s section nor a video that holds 10 to 20 s" in neither.problem
    (tmp_path / "ccc.wav").unlink()
    assert musiccaps.load(tmp_path).missing == ("ccc",)


def test_musiccaps_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"put Google's musiccaps-public\.csv there"):
        musiccaps.load(tmp_path)
    (tmp_path / musiccaps.CSV_NAME).write_text("id,start\n1,2\n")
    with pytest.raises(UserError, match="column 'ytid' is missing"):
        musiccaps.load(tmp_path)
    (tmp_path / musiccaps.CSV_NAME).write_text(LIST)
    with pytest.raises(UserError, match="none of the 3 ids"):
        musiccaps.load(tmp_path)


FAKE_YT_DLP = """#!/bin/sh
for last; do :; done
[ -n "$OPTIONS" ] && echo "$@" >> "$OPTIONS"
while [ "$1" != "--output" ]; do shift; done
echo "$last" >> "$CALLS"
case "$last" in
  *-aaa) echo "ERROR: [youtube] -aaa: Video unavailable. This video is private" >&2; exit 1;;
  *bbb|*-fine) cp "$CLIP" "$(echo "$2" | sed 's/%(ext)s/wav/')";;
  *-says) echo "WARNING: slow" >&2; echo "ERROR: [youtube] x: $SAYS" >&2; exit 1;;
  *) echo "ERROR: unable to connect" >&2; touch "$(echo "$2" | sed 's/%(ext)s/part/')"; exit 1;;
esac
"""


@pytest.fixture
def fake_tools(tmp_path: Path) -> dict[str, str]:
    """`yt-dlp` and `ffmpeg` on a PATH of their own; one video is gone, one there, one cannot be reached."""
    for name, script in (("yt-dlp", FAKE_YT_DLP), ("ffmpeg", "#!/bin/sh\n")):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        path.chmod(path.stat().st_mode | stat.S_IEXEC)
    clip = write(tmp_path / "clip.wav", music(10, 8000), 8000)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    return {"PATH": path, "CALLS": str(tmp_path / "calls"), "CLIP": str(clip)}


def test_download_fetches_resumes_and_records_what_is_gone(
    tmp_path: Path, cli: Cli, fake_tools: dict[str, str]
) -> None:
    (tmp_path / "list.csv").write_text(LIST)
    result = cli("data", "musiccaps", "clips", "--csv", "list.csv", **fake_tools)
    assert result.returncode == 0, result.stderr
    assert "1 of 3 clips in clips (1 new, 1 gone: see gone.csv)" in result.stdout
    assert "1 of 3 are gone: 1 private" in result.stdout
    assert "1 of 3 failed (unable to connect): run the command again" in result.stdout
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == ["bbb.wav", "gone.csv", musiccaps.CSV_NAME]
    assert "-aaa,[youtube] -aaa: Video unavailable" in (tmp_path / "clips" / "gone.csv").read_text()
    (tmp_path / "calls").unlink()
    assert cli("data", "musiccaps", "clips", **fake_tools).returncode == 0
    assert (tmp_path / "calls").read_text().split() == ["https://www.youtube.com/watch?v=ccc"]


UNAVAILABLE = "Video unavailable. "
REFUSALS = {
    UNAVAILABLE + "The uploader has not made this video available in your country": "blocked in this country",
    "Sign in to confirm your age. This video may be inappropriate for some users.": "age-restricted",
    "Join this channel to get access to members-only content like this video": "for members only",
    "This video is available to this channel\u2019s members on level: Fan": "for members only",
    "This video is only available to Music Premium members": "for Premium only",
    "This video requires payment to watch": "to be paid for",
    "Private video. Sign in if you've been granted access to this video": "private",
    UNAVAILABLE + "This video has been removed by the uploader": "removed",
    UNAVAILABLE + "The YouTube account associated with this video has been terminated": "removed",
    UNAVAILABLE + "This video contains content from X, who has blocked it on copyright grounds": "removed",
    "Video unavailable": "unavailable",
}


@pytest.fixture
def fetch_all(
    tmp_path: Path, fake_tools: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Ask for videos of these ids: `N-fine` can be had, and `N-says` is answered with `says`."""
    for name, value in fake_tools.items():
        monkeypatch.setenv(name, value)

    def fetch(*ids: str, says: str = "", retry_gone: bool = False, cookies: Path | None = None) -> dict[str, Any]:
        monkeypatch.setenv("SAYS", says)
        (tmp_path / "list.csv").write_text("ytid,start_s,end_s,caption\n" + "".join(f"{id},0,10,x\n" for id in ids))
        return download(tmp_path / "clips", tmp_path / "list.csv", None, retry_gone, Quiet(), cookies)

    return fetch


@pytest.mark.parametrize("says", REFUSALS)
def test_a_video_that_cannot_be_had_does_not_stop_the_others(
    tmp_path: Path, fetch_all: Callable[..., dict[str, Any]], says: str
) -> None:
    ids = [f"{i}-says" for i in range(7)]
    summary = fetch_all(*ids, "a-fine", says=says)
    assert (summary["present"], summary["gone"], summary["failed"]) == (1, 7, 0)
    assert summary["gone_because"] == {REFUSALS[says]: 7}
    assert f"0-says,[youtube] x: {says}," in (tmp_path / "clips" / "gone.csv").read_text().replace('"', "")
    calls = (tmp_path / "calls").read_text()
    assert fetch_all(*ids, "a-fine")["gone_because"] == {REFUSALS[says]: 7}
    assert (tmp_path / "calls").read_text() == calls


@pytest.mark.parametrize("says", [
    "Sign in to confirm you\u2019re not a bot. Use --cookies for the authentication",
    "Sign in to confirm you're not a bot",
    "Unable to download webpage: HTTP Error 429: Too Many Requests",
    "Video unavailable. This content isn\u2019t available, try again later. The session has been rate-limited",
])  # fmt: skip
def test_a_rate_limit_stops_and_no_video_is_gone(
    tmp_path: Path, fetch_all: Callable[..., dict[str, Any]], says: str
) -> None:
    with pytest.raises(UserError, match="YouTube refuses further requests for now") as error:
        fetch_all("a-fine", "b-says", "c-fine", says=says)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == ["a-fine.wav", musiccaps.CSV_NAME]
    assert fetch_all("a-fine", "b-says", "c-fine", says="Video unavailable")["present"] == 2


def test_gone_videos_are_tried_again_and_leave_the_list(
    tmp_path: Path, fetch_all: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    list_of_gone = tmp_path / "clips" / "gone.csv"
    (tmp_path / "clips").mkdir()
    list_of_gone.write_text("ytid,reason,date\na-fine,Private video,2024-01-01\nb-says,Private video,2024-01-01\n")
    assert fetch_all("a-fine", "b-says")["gone_because"] == {"private": 2}
    cookies = tmp_path / "cookies.txt"
    with pytest.raises(UserError, match=r"--cookies .*cookies.txt: no such file"):
        fetch_all("a-fine", cookies=cookies)
    cookies.touch()
    monkeypatch.setenv("OPTIONS", str(tmp_path / "options"))
    summary = fetch_all("a-fine", "b-says", says="This video has been removed", retry_gone=True, cookies=cookies)
    assert summary["gone_because"] == {"removed": 1} and summary["present"] == 1
    assert [line.split(",")[0] for line in list_of_gone.read_text().splitlines()] == ["ytid", "b-says"]
    assert (tmp_path / "options").read_text().count(f"--cookies {cookies}") == 2


def test_download_without_yt_dlp_says_how_to_get_it(tmp_path: Path, cli: Cli) -> None:
    result = cli("data", "musiccaps", "clips", PATH="/nowhere")
    assert result.returncode == 1
    assert "pip install 'm2l-bench[youtube]'" in result.stderr


@pytest.fixture
def hub() -> Iterator[str]:
    """A server that answers like the Hugging Face hub for one file of one dataset."""
    body, commit = LIST.encode(), "0" * 40

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(False)

        def do_GET(self) -> None:
            self.answer(True)

        def answer(self, send: bool) -> None:
            known = self.path == f"/datasets/google/MusicCaps/resolve/main/{musiccaps.CSV_NAME}" or commit in self.path
            self.send_response(200 if known else 404)
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", '"abc"')
            self.send_header("Content-Length", str(len(body) if known else 0))
            self.end_headers()
            if send and known:
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_list_comes_from_the_hub(tmp_path: Path, cli: Cli, fake_tools: dict[str, str], hub: str) -> None:
    environment = fake_tools | {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    result = cli("data", "musiccaps", "clips", "--limit", 2, **environment)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "clips" / musiccaps.CSV_NAME).read_text() == LIST
    offline = cli("data", "musiccaps", "other", **environment | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "x")})
    assert offline.returncode == 1 and "pass it with --csv" in offline.stderr
