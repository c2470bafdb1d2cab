"""Who people are."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, plans and tokens. No foreign key to Wagtail may live here: migrations would become circular."""

    name = "cms.accounts"
    label = "accounts"

    def ready(self) -> None:
        from allauth.account.signals import user_logged_in
        from allauth.mfa.signals import authentication_failed
        from django.db.models.signals import m2m_changed, post_delete, post_save

        from . import audit, sign_in
        from .callers import person_changed, token_changed
        from .models import AccessToken, User

        post_save.connect(person_changed, sender=User, dispatch_uid="cms.accounts.person_changed")
        for signal, sender in (
            (post_save, AccessToken),
            (post_delete, AccessToken),
            (m2m_changed, AccessToken.projects.through),
        ):
            signal.connect(token_changed, sender=sender, dispatch_uid="cms.accounts.token_changed")
        user_logged_in.connect(sign_in.signed_in_on_page, dispatch_uid="cms.accounts.signed_in_on_page")
        authentication_failed.connect(audit.code_failed, dispatch_uid="cms.accounts.code_failed")
