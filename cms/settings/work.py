"""Celery: a worker thread in the server's process on the embedded default, workers on a broker otherwise.

The database row is the queue of record (docs/adr/0003): a message only says "look at row n".
"""

from celery.schedules import crontab

from .env import env

CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="memory://")
EMBEDDED_WORKER = CELERY_BROKER_URL.startswith("memory://")
EMBEDDED_WORKER_THREADS = env.int("EMBEDDED_WORKER_THREADS", default=8)
# A turn at work takes no thread: how many one process holds is limited by memory and by the provider.
TURNS_AT_ONCE = env.int("TURNS_AT_ONCE", default=200)

CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
if EMBEDDED_WORKER:
    # Kombu looks for messages once a second: that long a turn would wait, and sweeps would fill the queue.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.02}
elif CELERY_BROKER_URL.startswith("redis"):
    # No task takes an hour; what a dead worker held is restored at every look, and not at every tenth.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "unacked_restore_throttle": 1}
elif CELERY_BROKER_URL.startswith("amqp"):
    # Who sends hears that RabbitMQ has it.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}

# A runner renews its lease while it works; one that died is taken over when its lease has run out.
TURN_LEASE_SECONDS = env.float("TURN_LEASE_SECONDS", default=10.0)
TASK_LEASE_SECONDS = env.float("TASK_LEASE_SECONDS", default=60.0)
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=5.0)
MAX_ATTEMPTS = 3
# Files that one worker process decodes at once.
MEDIA_WORKERS = env.int("MEDIA_WORKERS", default=2)
CELERY_BEAT_SCHEDULE = {
    "sweep-turns": {"task": "conversation.tasks.sweep_turns", "schedule": SWEEP_SECONDS},
    "sweep-generation-tasks": {"task": "content.generation.tasks.sweep_tasks", "schedule": SWEEP_SECONDS},
    "sweep-processing": {"task": "content.media.tasks.sweep_processing", "schedule": SWEEP_SECONDS},
    "sweep-embeddings": {"task": "content.media.tasks.sweep_embeddings", "schedule": 30.0},
    "sweep-uploads": {"task": "content.media.tasks.sweep_uploads", "schedule": 3600.0},
    "sweep-reservations": {"task": "content.usage.tasks.sweep_reservations", "schedule": 60.0},
    "sweep-webhooks": {"task": "webhooks.tasks.sweep_webhooks", "schedule": SWEEP_SECONDS},
    "sweep-deliveries": {"task": "webhooks.tasks.sweep_deliveries", "schedule": 3600.0},
    "reconcile-usage": {"task": "content.usage.tasks.reconcile_usage", "schedule": crontab(hour=3, minute=40)},
}
