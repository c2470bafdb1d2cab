from tests.media.test_bucket import *
from tests.media.test_bucket import files
pytest_plugins = ["tests.bucket_fixture"]
def test_delete_in_outage(owner, project, files, settings):
    add(owner, project); process()
    Media.objects.get().image.get_rendition("max-20x20")
    use(settings, files.configured, secret_key="wrong")
    try:
        delete_media(user=owner.user, media_id=Media.objects.get().pk); after_commit()
    except BaseException as e: print("RAISED", repr(e))
    use(settings, files.configured); after_commit()
    UnownedFile.objects.update(created_at=timezone.now() - timedelta(days=2))
    sweep_uploads(); after_commit()
    print("LEFT", files.stored())
