"""What happens when the words change by which a media item is found."""

from collections.abc import Collection

from . import embedding
from .fulltext import index_words
from .models import Media


def words_changed(media_ids: Collection[int]) -> None:
    """Make search follow the words of media, inside the transaction that changed them.

    The index follows at once. Embeddings take longer: they are made after the commit, or at the end of processing.
    """
    index_words(media_ids)
    Media.objects.filter(pk__in=media_ids).update(embedding_model="")
    embedding.request()
