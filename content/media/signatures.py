"""What the first bytes of a file look like: puremagic's answer, made exact where several formats share a signature."""

import re

import puremagic

# Brands of ISO base media files (ISO/IEC 14496-12; the registry at mp4ra.org). Those that any file may name, such as
# mif1 for “a picture”, are left out: another one of the file's decides.
BRANDS = {
    "image/avif": "avif avis",
    "image/heic": "heic heix heim heis hevc hevx hevm hevs",
    "video/quicktime": "qt__",
    "audio/mp4": "M4A_ M4B_ M4P_ F4A_ F4B_",
    "video/mp4": "mp41 mp42 isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 avc1 hvc1 av01 M4V_ M4VH M4VP f4v_ F4V_ MSNV "
    "dash cmfc cmf2 NDSC NDSM XAVC mmp4 3gp4 3gp5 3gp6 3gp7 3g2a",
}
TYPE_OF_BRAND = {
    brand.replace("_", " ").encode(): mime_type for mime_type, brands in BRANDS.items() for brand in brands.split()
}
# RF64 and BW64 are WAVs of more than 4 GiB (EBU Tech 3306), which recorders also write for less.
TYPE_OF_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}
# The first packets of Ogg streams of sound (RFC 5334).
OGG_SOUND = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")
# Layer III in MPEG 1, 2 and 2.5, with a checksum or without.
MP3_FRAMES = {b"\xff\xfa", b"\xff\xfb", b"\xff\xf2", b"\xff\xf3", b"\xff\xe2", b"\xff\xe3"}
DOCUMENT_TAG = re.compile(
    rb"<(!doctype|\?xml|(\w+:)?(html|head|body|title|base|link|meta|style|script|frameset|svg|math))(?![\w-])", re.I
)


def sniffed_types(head: bytes) -> set[str]:
    """The types that a file's beginning looks like; empty for plain text and for what is unknown."""
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[:4] in (b"RIFF", b"RF64", b"BW64"):
        return {TYPE_OF_RIFF.get(head[8:12], "application/x-riff")}
    if head.startswith(b"OggS"):
        return _ogg(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return _matroska(head)
    if head.startswith(b"ID3"):
        return _after_id3(head)
    if _is_mp3_frame(head):
        return {"audio/mpeg"}
    if not head:
        return set()
    try:
        matches = puremagic.magic_string(head)
    except puremagic.PureError:
        return set()
    # A negative offset counts from the end, which these bytes need not reach.
    return {match.mime_type for match in matches if match.mime_type and match.offset >= 0}


def is_markup_document(head: bytes) -> bool:
    """Whether a text is an HTML, SVG or XML document, rather than one that holds some tags.

    Browsers skip white space, a byte order mark and comments before they judge, and so does this. Markdown may well
    begin with a comment or with a heading's tag.
    """
    rest = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    while rest.startswith(b"<!--"):
        _, ended, rest = rest.partition(b"-->")
        if not ended:
            return True
        rest = rest.lstrip()
    return DOCUMENT_TAG.match(rest) is not None


def _iso_media(head: bytes) -> set[str]:
    """By the first brand that says something; the major one comes first."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    for start in (8, *range(16, end, 4)):
        if mime_type := TYPE_OF_BRAND.get(head[start : start + 4]):
            return {mime_type}
    return set()


def _ogg(head: bytes) -> set[str]:
    """Sound where every stream that begins here is sound: a film's pages of beginning stand together (RFC 3533)."""
    page, packets = 0, []
    while head[page : page + 4] == b"OggS" and page + 27 <= len(head) and head[page + 5] & 2:
        lengths = head[page + 27 : page + 27 + head[page + 26]]
        body = page + 27 + len(lengths)
        packets.append(head[body : body + 8])
        page = body + sum(lengths)
    if packets and all(packet.startswith(OGG_SOUND) for packet in packets):
        return {"audio/ogg"}
    return {"video/ogg"}


def _matroska(head: bytes) -> set[str]:
    """By the DocType in the EBML header (RFC 8794); WebM is a Matroska that promises less."""
    at = head.find(b"\x42\x82", 0, 128)
    if at < 0:
        return set()
    length = head[at + 2] & 0x7F if at + 2 < len(head) else 0
    kind = head[at + 3 : at + 3 + length].rstrip(b"\0")
    return {"video/webm"} if kind == b"webm" else {"video/x-matroska"}


def _after_id3(head: bytes) -> set[str]:
    """MP3, or FLAC by some programs, behind a tag whose length is in four times 7 bits; it may hold the cover."""
    length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
    return {"audio/flac"} if head[10 + length :].startswith(b"fLaC") else {"audio/mpeg"}


def _is_mp3_frame(sound: bytes) -> bool:
    if sound[:2] not in MP3_FRAMES or len(sound) < 3:
        return False
    bit_rate, sample_rate = sound[2] >> 4, sound[2] >> 2 & 3
    return 0 < bit_rate < 15 and sample_rate != 3
