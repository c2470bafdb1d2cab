"""The way into the admin and out of it."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/admin/", "/admin/projects/", "/admin/reports/site-history/", "/admin/nothing/"])
def test_whoever_is_not_signed_in_is_led_to_the_one_sign_in_page(client, address):
    response = client.get(address, follow=True)

    assert response.redirect_chain[-1][0].startswith("/accounts/login/?next=%2Fadmin%2F")
    assert response.status_code == 200
    assert b'name="login"' in response.content


def test_wagtails_own_sign_in_is_not_a_second_door(client, admin):
    response = client.post("/admin/login/", {"username": admin.email, "password": "a good password"})

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")
    assert "_auth_user_id" not in client.session


def test_signing_in_leads_to_where_one_wanted(client, producer):
    response = client.post(
        "/accounts/login/?next=/admin/projects/",
        {"login": producer.email, "password": "a good password", "next": "/admin/projects/"},
        follow=True,
    )

    assert response.status_code == 200
    assert response.redirect_chain[-1][0] == "/admin/projects/"


def test_another_site_is_no_place_to_be_led_to(door, producer):
    response = door(producer).get("/admin/login/", {"next": "https://elsewhere.example/"})

    assert response["Location"] == "/admin/"


def test_signing_out_ends_the_session(door, producer):
    browser = door(producer)

    response = browser.post("/admin/logout/", follow=True)

    assert response.status_code == 200
    assert response.redirect_chain[-1][0].startswith("/accounts/login/")
    assert browser.get("/admin/").status_code == 302


def test_a_user_without_the_admin_is_refused_and_not_led_in_circles(door, collaborator):
    response = door(collaborator).get("/admin/", follow=True)

    assert response.status_code == 403
    assert len(response.redirect_chain) == 1


def test_password_reset_of_the_admin_is_closed(client):
    assert client.get("/admin/password_reset/").status_code == 404


def test_the_account_page_changes_ones_name_and_not_the_address(door, producer):
    browser = door(producer)
    page = browser.get("/admin/account/")
    assert b'name="name-name"' in page.content
    assert b"first_name" not in page.content

    response = browser.post(
        "/admin/account/",
        {
            "name-name": "Priya P.",
            "name_email-email": "other@example.com",
            "locale-current_time_zone": "Europe/Berlin",
            "theme-theme": "dark",
            "theme-contrast": "system",
            "theme-density": "default",
            "theme-keyboard_shortcuts": "on",
        },
    )

    assert response.status_code == 302
    producer.refresh_from_db()
    assert (producer.name, producer.email) == ("Priya P.", "producer@example.com")
