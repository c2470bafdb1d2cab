"""Over TLS the certificate is that of the name, though the connection goes to an address."""

import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .receiver import receiving

NAME = "hooks.example.com"


@pytest.fixture
def certificate(tmp_path):
    """A certificate of NAME that signs itself, with its key; answers the file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(("name", "is_taken"), [(NAME, True), ("other.example.com", False)])
def test_the_certificate_is_checked_against_the_name(
    name, is_taken, producer, register, rename, deliver, names, certificate, monkeypatch, settings
):
    settings.WEBHOOK_RETRY_SECONDS = [60]
    monkeypatch.setattr("webhooks.endpoint._tls", lambda: ssl.create_default_context(cafile=str(certificate)))
    with receiving(certificate=certificate) as secure:
        names[name] = ["127.0.0.1"]
        webhook = register(producer, url=secure.url.replace("127.0.0.1", name))
        rename("Over TLS")
        deliver()
        assert len(secure.got()) == is_taken
    (delivery,) = webhook.shown()["deliveries"]
    assert ("CERTIFICATE_VERIFY_FAILED" in (delivery["error"] or "")) is not is_taken
