"""Serve everything from one process."""

from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from cms.settings.env import VAR_DIR

from .load_demo import PASSWORD, PEOPLE


class Command(BaseCommand):
    """HTTP, WebSocket and, on the embedded default, the worker: one process on 127.0.0.1."""

    help = "Serve everything from one process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="The address to listen on.")
        parser.add_argument("--port", type=int, default=8000, help="The port to listen on.")
        parser.add_argument("--application", default="cms.asgi:application", help="Another one, for tests.")
        parser.add_argument("--prepare", action="store_true", help="Migrate and (with DEBUG) load the demo.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prepare"]:
            VAR_DIR.mkdir(exist_ok=True)
            call_command("migrate", verbosity=0)
            if settings.DEBUG:
                call_command("load_demo")
        base = f"http://{options['host']}:{options['port']}"
        model = settings.QWEN3VL_MODEL if settings.QWEN3VL_BASE_URL else "the offline rehearsal director"
        lines = [
            f"Auto-Movie is at {base}/ with {model}.",
            f"  Admin    {base}/admin/",
            f"  GraphQL  {base}/graphql/ (GraphiQL in a browser)",
        ]
        if settings.DEBUG:
            lines += [f"  Sign in with one of these, password {PASSWORD}:"]
            lines += [f"    {name}@example.com" for name, *_ in PEOPLE]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()
        # A large message closes its socket (1009); pings find sockets that are dead.
        uvicorn.run(
            options["application"],
            host=options["host"],
            port=options["port"],
            log_level="warning",
            lifespan="on",
            ws="cms.sockets:PatientSocket",
            ws_max_size=1_048_576,
            ws_ping_interval=settings.WEBSOCKET_PING_SECONDS,
            ws_ping_timeout=settings.WEBSOCKET_PONG_SECONDS,
            timeout_graceful_shutdown=5,
        )
