"""The shipped workflow as data. The director's instructions of a step are in `<slug>.md` beside this file."""

from dataclasses import dataclass

from content.workflow.choices import Phase

PANEL = "storyboard_panel"


@dataclass(frozen=True, slots=True)
class DefaultChoice:
    """A choice of a shipped step, with the effect that choosing it has."""

    slug: str
    title: str
    description: str
    icon: str
    leads_to: str | None = None
    submits: str = ""
    finishes: bool = False


@dataclass(frozen=True, slots=True)
class DefaultStep:
    """A shipped step. The first of its choices is the recommended one; its place in `STEPS` is its order."""

    slug: str
    title: str
    phase: Phase
    description: str
    next_steps: tuple[str, ...]
    choices: tuple[DefaultChoice, ...]
    required: bool = True
    task_types: tuple[str, ...] = ()


CONTINUE = DefaultChoice(
    "continue_current", "Continue Current Step", "Keep working on what we have just looked at.", "▶️"
)
REVIEW = DefaultChoice(
    "review_progress", "Review Progress", "See what is settled, what is open and what needs work.", "📊"
)
DRAW_PANEL = DefaultChoice(
    "draw_panel",
    "Draw a Storyboard Panel",
    "Draft a panel of the moment we are talking about.",
    "🖼️",
    submits=PANEL,
)
CREATE_VOICES = DefaultChoice(
    "create_voices",
    "Create Character Voices",
    "Develop a voice profile for everyone who speaks.",
    "🎤",
    leads_to="voice_casting",
)
MORE_CHARACTERS = DefaultChoice(
    "add_more_characters", "Add More Characters", "Create further supporting or background characters.", "👤"
)

STEPS = (
    DefaultStep(
        "initial_concept",
        "Initial Concept",
        Phase.STORY_DEVELOPMENT,
        "Find the idea that carries the series: logline, premise, tone and what it never shows.",
        ("story_development", "character_creation", "visual_design"),
        (
            DefaultChoice(
                "develop_story",
                "Develop Story Structure",
                "Shape the concept into a season with turning points, theme and an ending.",
                "📚",
                leads_to="story_development",
            ),
            DefaultChoice(
                "create_characters",
                "Design Main Characters",
                "Develop the protagonist, the opponent and those who pull at both.",
                "👥",
                leads_to="character_creation",
            ),
            DefaultChoice(
                "define_style",
                "Define Visual Style",
                "Set palette, light and artistic direction first, and let the story follow.",
                "🎨",
                leads_to="visual_design",
            ),
        ),
    ),
    DefaultStep(
        "story_development",
        "Story Development",
        Phase.STORY_DEVELOPMENT,
        "Give the season a spine: main lines, theme, turning points and an ending that was prepared.",
        ("episode_breakdown", "world_building", "character_creation", "initial_concept"),
        (
            DefaultChoice(
                "episode_breakdown",
                "Create Episode Breakdown",
                "Divide the story into episodes, each with its own want, obstacle and price.",
                "📝",
                leads_to="episode_breakdown",
            ),
            DefaultChoice(
                "character_arcs",
                "Develop Character Arcs",
                "Plan how the main people change from the first episode to the last.",
                "📈",
            ),
            DefaultChoice(
                "world_building",
                "Expand World Building",
                "Work out places, rules and the past that still matters.",
                "🌍",
                leads_to="world_building",
            ),
        ),
    ),
    DefaultStep(
        "world_building",
        "World Building",
        Phase.STORY_DEVELOPMENT,
        "Set the rules, places and background that make scenes happen. Optional.",
        ("episode_breakdown", "story_development"),
        (
            DefaultChoice(
                "world_to_episodes",
                "Put the World to Work",
                "Take the places and rules into the episode breakdown.",
                "📝",
                leads_to="episode_breakdown",
            ),
            DefaultChoice(
                "add_place",
                "Add a Place",
                "Describe another place that returns, with its light, materials and sound.",
                "🏠",
            ),
            CONTINUE,
            REVIEW,
        ),
        required=False,
    ),
    DefaultStep(
        "episode_breakdown",
        "Episode Breakdown",
        Phase.STORY_DEVELOPMENT,
        "Divide the season into episodes with loglines, beats and last images.",
        ("character_creation", "story_development", "world_building"),
        (
            DefaultChoice(
                "lock_episodes",
                "Lock the Episodes and Create Characters",
                "Keep this breakdown and go on to the people who carry it.",
                "🔒",
                leads_to="character_creation",
            ),
            CONTINUE,
            REVIEW,
            DefaultChoice(
                "rework_story",
                "Rework the Story",
                "Go back to the season's spine before dividing it further.",
                "↩️",
                leads_to="story_development",
            ),
        ),
    ),
    DefaultStep(
        "character_creation",
        "Character Creation",
        Phase.CHARACTER_CREATION,
        "Create the cast: what they want, what they hide, how they talk and how they end.",
        ("character_visuals", "voice_casting", "story_development", "episode_breakdown"),
        (
            DefaultChoice(
                "design_visuals",
                "Design Character Visuals",
                "Decide how each of them looks, so that every picture shows the same person.",
                "🎭",
                leads_to="character_visuals",
            ),
            CREATE_VOICES,
            MORE_CHARACTERS,
        ),
    ),
    DefaultStep(
        "character_visuals",
        "Character Visuals",
        Phase.CHARACTER_CREATION,
        "Fix how every character looks, in words that can be repeated for each picture.",
        ("visual_design", "voice_casting", "character_creation"),
        (
            DefaultChoice(
                "lock_cast_look",
                "Lock the Cast's Look",
                "Keep these descriptions and go on to the look of the series.",
                "🔒",
                leads_to="visual_design",
            ),
            CREATE_VOICES,
            CONTINUE,
            REVIEW,
        ),
    ),
    DefaultStep(
        "visual_design",
        "Visual Design",
        Phase.VISUAL_DESIGN,
        "Set the look of the series: palette, light, lens, texture and the style line of every prompt.",
        ("storyboarding", "character_visuals", "story_development"),
        (
            DefaultChoice(
                "lock_look",
                "Lock the Look and Move On",
                "Keep palette and style line, and go on to the storyboard.",
                "🔒",
                leads_to="storyboarding",
            ),
            DRAW_PANEL,
            CONTINUE,
            REVIEW,
        ),
        task_types=(PANEL,),
    ),
    DefaultStep(
        "storyboarding",
        "Storyboarding",
        Phase.VISUAL_DESIGN,
        "Decide panel by panel what the camera sees before anything expensive is made.",
        ("voice_casting", "audio_design", "visual_design", "episode_breakdown"),
        (
            DefaultChoice(
                "lock_boards",
                "Lock the Boards and Cast Voices",
                "Keep these boards and give the characters their voices.",
                "🔒",
                leads_to="voice_casting",
            ),
            DRAW_PANEL,
            CONTINUE,
            REVIEW,
        ),
        task_types=(PANEL,),
    ),
    DefaultStep(
        "voice_casting",
        "Voice Casting",
        Phase.AUDIO_DESIGN,
        "Give every speaking character a voice profile, with rights and pronunciation settled.",
        ("audio_design", "character_creation", "character_visuals"),
        (
            DefaultChoice(
                "approve_voices",
                "Approve the Voices",
                "Keep these profiles and go on to music and sound.",
                "✅",
                leads_to="audio_design",
            ),
            DefaultChoice(
                "read_together",
                "Try a Scene with These Voices",
                "Write a short exchange in which one hears who is speaking.",
                "💬",
            ),
            CONTINUE,
            DefaultChoice(
                "back_to_characters",
                "Return to the Characters",
                "Sharpen a character, or its look, before giving it a voice.",
                "↩️",
                leads_to="character_creation",
            ),
        ),
    ),
    DefaultStep(
        "audio_design",
        "Audio Design",
        Phase.AUDIO_DESIGN,
        "Plan themes, sound of places, effects and silences, and spot the first episode.",
        ("shot_planning", "voice_casting", "storyboarding"),
        (
            DefaultChoice(
                "lock_sound_plan",
                "Lock the Sound Plan",
                "Keep themes and spotting list, and plan the shots.",
                "🔒",
                leads_to="shot_planning",
            ),
            DefaultChoice(
                "find_main_theme",
                "Find the Main Theme",
                "Compare three ideas for the music that stands for the series.",
                "🎵",
            ),
            CONTINUE,
            REVIEW,
        ),
    ),
    DefaultStep(
        "shot_planning",
        "Shot Planning",
        Phase.SCENE_PRODUCTION,
        "Turn the boards into a shot list that can be carried out, with prompts and scene cards.",
        ("scene_production", "storyboarding", "audio_design"),
        (
            DefaultChoice(
                "start_production",
                "Start Production",
                "Take the shot list to the floor, beginning with the scene that tests the look hardest.",
                "🎬",
                leads_to="scene_production",
            ),
            DRAW_PANEL,
            CONTINUE,
            DefaultChoice(
                "back_to_boards",
                "Return to the Boards",
                "Solve a scene in pictures first, and plan its shots afterwards.",
                "↩️",
                leads_to="storyboarding",
            ),
        ),
        task_types=(PANEL,),
    ),
    DefaultStep(
        "scene_production",
        "Scene Production",
        Phase.SCENE_PRODUCTION,
        "Order takes, judge them and order again, until every scene does what it promised.",
        ("post_production", "continuity_review", "shot_planning", "character_visuals", "storyboarding"),
        (
            DefaultChoice(
                "start_the_cut",
                "Go to the Cut",
                "Take what is worth keeping into post-production.",
                "✂️",
                leads_to="post_production",
            ),
            DefaultChoice(
                "check_continuity",
                "Check Continuity",
                "Compare the finished scenes before they are cut.",
                "🔍",
                leads_to="continuity_review",
            ),
            DRAW_PANEL,
            CONTINUE,
        ),
        task_types=(PANEL,),
    ),
    DefaultStep(
        "continuity_review",
        "Continuity Review",
        Phase.SCENE_PRODUCTION,
        "Find what does not match between scenes, and its cheapest cure. Optional.",
        ("post_production", "scene_production"),
        (
            DefaultChoice(
                "findings_to_cut",
                "Take the Findings to the Cut",
                "Solve in the edit what can be solved there.",
                "✂️",
                leads_to="post_production",
            ),
            DefaultChoice(
                "remake_takes",
                "Make Takes Again",
                "Return to production with exactly the shots that break the story.",
                "↩️",
                leads_to="scene_production",
            ),
            CONTINUE,
            REVIEW,
        ),
        required=False,
    ),
    DefaultStep(
        "post_production",
        "Post Production",
        Phase.POST_PRODUCTION,
        "Cut the episodes to rhythm and length, until they hold without explanation.",
        ("sound_and_colour", "scene_production", "continuity_review"),
        (
            DefaultChoice(
                "lock_picture",
                "Lock the Picture",
                "Fix the order and length of the shots, and finish sound and colour.",
                "🔒",
                leads_to="sound_and_colour",
            ),
            DefaultChoice(
                "get_missing_shot",
                "Get a Missing Shot",
                "Return to production for the moment that the cut lacks.",
                "↩️",
                leads_to="scene_production",
            ),
            CONTINUE,
            REVIEW,
        ),
    ),
    DefaultStep(
        "sound_and_colour",
        "Sound and Colour",
        Phase.POST_PRODUCTION,
        "Finish the mix, the colour, the captions and the credits of the locked picture.",
        ("final_assembly", "post_production"),
        (
            DefaultChoice(
                "approve_finish",
                "Approve the Finish",
                "Keep mix, colour and captions, and assemble the series.",
                "✅",
                leads_to="final_assembly",
            ),
            CONTINUE,
            REVIEW,
            DefaultChoice(
                "reopen_cut",
                "Reopen the Cut",
                "Change the picture once more, knowing that sound and colour follow.",
                "↩️",
                leads_to="post_production",
            ),
        ),
    ),
    DefaultStep(
        "final_assembly",
        "Final Assembly",
        Phase.FINAL_ASSEMBLY,
        "Check, name, document and deliver the complete series.",
        ("sound_and_colour", "post_production"),
        (
            DefaultChoice(
                "finish_series",
                "Finish the Series",
                "Close the production with everything checked and delivered.",
                "🏁",
                finishes=True,
            ),
            DefaultChoice(
                "write_catalogue",
                "Write the Catalogue Texts",
                "Describe the series and its episodes without giving the turns away.",
                "🗂️",
            ),
            REVIEW,
            DefaultChoice(
                "back_to_cut",
                "Return to the Cut",
                "Repair an episode before it is delivered.",
                "↩️",
                leads_to="post_production",
            ),
        ),
    ),
)
