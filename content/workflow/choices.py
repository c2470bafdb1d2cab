"""The seven phases of a production, which are fixed."""

from django.db import models


class Phase(models.TextChoices):
    """Where a series is on its way from idea to film."""

    STORY_DEVELOPMENT = "story_development", "Story Development"
    CHARACTER_CREATION = "character_creation", "Character Creation"
    VISUAL_DESIGN = "visual_design", "Visual Design"
    AUDIO_DESIGN = "audio_design", "Audio Design"
    SCENE_PRODUCTION = "scene_production", "Scene Production"
    POST_PRODUCTION = "post_production", "Post Production"
    FINAL_ASSEMBLY = "final_assembly", "Final Assembly"
