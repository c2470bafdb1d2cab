"""Signing in: django-allauth with e-mail, second factors, and providers where they are named."""

from typing import Any

from .env import env

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/projects/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "cms.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "cms.accounts.forms.SignUpForm"
# An address is the person's before it counts; it is also what makes sign-up tell nobody which addresses are here.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Whether people may sign up by themselves. Each account may spend the site's money on models: closed unless opened.
SIGN_UP_OPEN = env.bool("SIGN_UP_OPEN", default=False)

# Failed sign-ins, on the pages and by `login`; success is not counted. Known places are cms/accounts/sign_in.py's.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "10/m/ip,5/5m/key",
    "login_failed_at_known_place": "5/5m/key",
}

MFA_ADAPTER = "cms.accounts.adapter.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Auto-Movie"
# A code is good until half a minute after its time: clocks differ.
MFA_TOTP_TOLERANCE = 1

# Providers that people may sign in with, by django-allauth's names ("google,github"); each has its key in the settings
# SOCIAL_<NAME>_CLIENT_ID and SOCIAL_<NAME>_SECRET, and openid_connect its address in SOCIAL_OPENID_CONNECT_URL.
SOCIAL_PROVIDERS: list[str] = env.list("SOCIAL_PROVIDERS", default=[])
SOCIAL_APPS = [f"allauth.socialaccount.providers.{name}" for name in SOCIAL_PROVIDERS]
SOCIALACCOUNT_ADAPTER = "cms.accounts.adapter.SocialAccountAdapter"


def _provider(name: str) -> dict[str, Any]:
    place = f"SOCIAL_{name.upper()}"
    app: dict[str, Any] = {"client_id": env(f"{place}_CLIENT_ID"), "secret": env(f"{place}_SECRET")}
    if name == "openid_connect":
        title = env(f"{place}_NAME", default="Single sign-on")
        app |= {"provider_id": "sso", "name": title, "settings": {"server_url": env(f"{place}_URL")}}
    return {"APPS": [app]}


SOCIALACCOUNT_PROVIDERS = {name: _provider(name) for name in SOCIAL_PROVIDERS}

# Where e-mail goes, where EMAIL_BACKEND is SMTP.
EMAIL_HOST = env("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 10

# Hours. `login` answers with a Bearer token of this life.
ACCESS_TOKEN_HOURS = env.float("ACCESS_TOKEN_HOURS", default=24 * 14)
# Days that a token which a person creates may live at most.
ACCESS_TOKEN_MAX_DAYS = env.int("ACCESS_TOKEN_MAX_DAYS", default=365)
