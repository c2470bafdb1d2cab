"""Static files in production."""

from servestatic.storage import CompressedManifestStaticFilesStorage


class BuiltStaticFiles(CompressedManifestStaticFilesStorage):
    """Files by their content's name, so that browsers keep them for ever.

    A page may name a file that was not built (GraphiQL's scripts, where Node is missing): the page is served, and the
    file alone is missing.
    """

    def stored_name(self, name: str) -> str:
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
