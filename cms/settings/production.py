"""Servers: a secret, hosts and services must be named; nothing is guessed."""

from django.core.exceptions import ImproperlyConfigured

from .base import *
from .env import env

DEBUG = False
SECRET_KEY = env("SECRET_KEY")
if len(SECRET_KEY) < 40 or "change" in SECRET_KEY.lower():
    raise ImproperlyConfigured("SECRET_KEY must be at least 40 random characters.")

# Mails hold links that open accounts: the log is no place for them.
EMAIL_BACKEND = env("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
STORAGES["staticfiles"] = {"BACKEND": "cms.static.BuiltStaticFiles"}

# Behind a proxy that ends TLS; HTTPS=0 only for a trial on a closed network.
HTTPS = env.bool("HTTPS", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0

SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # subdomains may be other people's: whether HSTS holds for them is for who owns the domain
    "security.W019",  # Wagtail shows previews in frames of the same site
    "security.W021",  # preloading binds the domain for years: for who owns it
]
