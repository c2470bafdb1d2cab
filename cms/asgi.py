"""HTTP and WebSocket in one process; on the embedded default the worker too."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms.settings.development")
http = get_asgi_application()

# What follows needs the applications that get_asgi_application has loaded.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import path  # noqa: E402

from cms.api.requests import Gate  # noqa: E402
from cms.celery import EmbeddedWorker  # noqa: E402
from cms.views import graphql_websocket  # noqa: E402
from content.media.receiving import Receive, ReceiveUploads, Scope, Send  # noqa: E402


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Start the embedded worker with the server and stop it first when the server stops."""
    worker = EmbeddedWorker() if settings.EMBEDDED_WORKER else None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if worker is not None:
                worker.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            if worker is not None:
                worker.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return


application = ProtocolTypeRouter(
    {
        "http": ReceiveUploads(Gate(http)),
        # URLRouter takes ASGI applications where Django's path expects views.
        "websocket": AuthMiddlewareStack(URLRouter([path("graphql/", graphql_websocket)])),  # type: ignore[arg-type]
        "lifespan": lifespan,
    }
)
