"""What a bad file can do to the child process that reads it, and what not."""

import io
import os
import socket
import sys
import time
from pathlib import Path

import av
import pytest
from PIL import Image

from cms.errors import DomainError, ErrorCode
from content.media import decoding
from content.media.decoding import decode, sample_frames
from content.media.sniff import BY_MIME_TYPE

from . import samples
from .decoded import put, read, refusal, slow_clock

__all__ = ["put", "read", "refusal"]


def test_a_playlist_reads_no_other_file_and_asks_no_host(put, refusal):
    other = put(samples.mp4(), "secret.mp4")
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.setblocking(False)
        addresses = [f"http://127.0.0.1:{host.getsockname()[1]}/secret.mp4", str(other), f"file://{other}"]
        hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
        hls += "".join(f"#EXTINF:2,\n{address}\n" for address in addresses) + "#EXT-X-ENDLIST\n"
        concat = "ffconcat version 1.0\n" + "".join(f"file '{address}'\n" for address in addresses)
        brand = "\0\0\0\x18ftypisom\0\0\2\0isommp42"
        for disguised in (hls, concat, brand + hls):
            assert refusal(disguised.encode(), "video/mp4").code == ErrorCode.UNSUPPORTED_MEDIA
        with pytest.raises(BlockingIOError):
            host.accept()


def test_a_film_whose_pictures_are_said_to_be_in_another_file_reads_only_itself(put, refusal):
    other = put(samples.mp4(1, 160, 90, 8, sound=False, container="mov"), "secret.mov")
    film = samples.mov_that_refers_to(str(other))
    asked = []

    def opened_beside(url: str, *_: object) -> None:
        asked.append(url)
        raise PermissionError

    # The sample is a real one: FFmpeg follows it where it is told to.
    options = {"enable_drefs": "1", "use_absolute_path": "1"}
    with pytest.raises(PermissionError):
        av.open(io.BytesIO(film), "r", format="mov", io_open=opened_beside, options=options)
    assert asked == [str(other)]
    assert refusal(film, "video/quicktime").code == ErrorCode.UNSUPPORTED_MEDIA


def test_a_decoder_that_takes_too_long_is_ended_with_all_that_it_started(put, refusal, settings, monkeypatch, tmp_path):
    started = tmp_path / "started"
    # A child of the child, which holds the line open as long as it lives.
    monkeypatch.setattr(decoding, "COMMAND", ["/bin/sh", "-c", f"sleep 60 & echo $! > {started}; wait"])
    settings.DECODE_SECONDS = 1
    error = refusal(samples.png(), "image/png")
    assert error.code == ErrorCode.TIMED_OUT
    assert "longer than 1 seconds" in error.message
    ends = time.monotonic() + 5
    while _runs(int(started.read_text())):
        # Told to end at once; the system takes its time.
        assert time.monotonic() < ends


def test_the_real_decoder_is_ended_in_time(refusal, settings):
    settings.DECODE_SECONDS = 0.01
    assert refusal(samples.mp4(), "video/mp4").code == ErrorCode.TIMED_OUT


@pytest.mark.parametrize(("own", "of_all"), [(0.5, 300), (30, 0.5)])
def test_sampling_a_film_has_a_shorter_time_of_its_own(put, settings, monkeypatch, own, of_all):
    monkeypatch.setattr(decoding, "COMMAND", ["/bin/sh", "-c", "exec sleep 60"])
    monkeypatch.setattr(decoding, "FRAMES_SECONDS", own)
    settings.DECODE_SECONDS = of_all
    with pytest.raises(DomainError, match=r"longer than 0\.5 seconds") as caught:
        sample_frames(put(samples.mp4()), BY_MIME_TYPE["video/mp4"], count=8, most_pixels=10**6)
    assert caught.value.code == ErrorCode.TIMED_OUT


def test_of_a_film_that_takes_too_long_the_frame_that_was_reached_is_given(put, monkeypatch):
    # A clock that goes on by 20 of the 24 seconds each time it is looked at: there are two looks until they are over.
    monkeypatch.setattr(decoding, "COMMAND", slow_clock("films", 20))
    [frame] = sample_frames(put(samples.mp4(2)), BY_MIME_TYPE["video/mp4"], count=1, most_pixels=10**6)
    assert frame.seconds == pytest.approx(1 / 24, abs=0.001)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("os.abort()", ErrorCode.UNSUPPORTED_MEDIA),
        ("os.kill(os.getpid(), 11)", ErrorCode.UNSUPPORTED_MEDIA),
        ("os.kill(os.getpid(), 9)", ErrorCode.LIMIT_EXCEEDED),
        ("os.kill(os.getpid(), 24)", ErrorCode.TIMED_OUT),
        ("raise ValueError('secret detail')", ErrorCode.UNSUPPORTED_MEDIA),
        ("pass", ErrorCode.UNSUPPORTED_MEDIA),
    ],
)
def test_a_decoder_that_dies_is_a_refusal_and_the_log_says_how(refusal, monkeypatch, caplog, ending, code):
    monkeypatch.setattr(decoding, "COMMAND", [sys.executable, "-S", "-c", f"import os; {ending}"])
    error = refusal(samples.png(), "image/png")
    assert error.code == code
    assert "secret detail" not in error.message
    if "ValueError" in ending:
        assert "secret detail" in caplog.text


def test_a_decoder_gets_no_more_memory_than_it_is_given(refusal, monkeypatch):
    monkeypatch.setattr(decoding, "MEMORY", 90 * 2**20)
    out = io.BytesIO()
    Image.new("RGB", (5_000, 4_000)).save(out, "PNG", compress_level=1)
    error = refusal(out.getvalue(), "image/png")
    assert (error.code, error.limit) == (ErrorCode.LIMIT_EXCEEDED, 90 * 2**20)
    assert "memory" in error.message


def test_the_child_knows_neither_django_nor_our_secrets(read, monkeypatch, tmp_path):
    told = tmp_path / "told"
    spy = f"""
from content.media.decoder import __main__, films, pdfs, pictures, sounds
import os, pathlib, resource, sys
__main__.main()
kinds = (resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
limits = [resource.getrlimit(kind)[0] for kind in kinds]
known = (dict(os.environ), "django" in sys.modules, "cms" in sys.modules, limits, os.getpgid(0) == os.getpid())
pathlib.Path({str(told)!r}).write_text(repr(known))
"""
    monkeypatch.setattr(decoding, "COMMAND", [sys.executable, "-c", spy])
    monkeypatch.setenv("SECRET_KEY", "not yours")
    read(samples.wav(), "audio/wav")
    environment, django, cms, limits, own_group = eval(told.read_text())
    assert "not yours" not in environment.values()
    assert set(environment) <= {*decoding.PASSED_ON, *decoding.FRUGAL, "TMPDIR"}
    assert (django, cms, own_group) == (False, False, True)
    assert limits == [decoding.MEMORY, 0, 600, 64 * 2**20]


def test_nothing_is_left_on_the_disk(put, monkeypatch, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    decode(put(samples.png()), BY_MIME_TYPE["image/png"])
    with pytest.raises(DomainError):
        decode(put(samples.png()[:50]), BY_MIME_TYPE["image/png"])
    assert list(folder.iterdir()) == []


def _runs(pid: int) -> bool:
    """Whether a process is alive; one that ended and waits to be noticed is not."""
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
