"""The application, and how many tasks its event loop has: `GET /tasks`."""

import asyncio
from typing import Any

from cms.asgi import application as site


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope.get("path") != "/tasks":
        await site(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(asyncio.all_tasks())).encode()})
