"""The direction that all vectors of the local model share: measured on texts about anything, kept beside this file.

`python -m ai.embeddings.centre` measures it anew; a test compares. Another centre is another model: change its name.
"""

import numpy as np

from .contract import Matrix
from .local import CENTRE, LocalModel

# As media are described and named, in the languages in which they are.
PASSAGES = (
    "A man in a hat drinks coffee at a window.",
    "Notes for the meeting on Monday.",
    "The mountain road in winter, snow on the trees.",
    "Close-up of a hand that opens a letter.",
    "Sketch of a round wooden door with iron hinges.",
    "A crowd cheers at the finish line.",
    "Wide shot of the valley, clouds drift over the hills. tags: landscape, wide",
    "Costume ideas for the two brothers, linen and leather.",
    "She laughs and turns away from the mirror.",
    "Second verse of the opening song, violins and a drum.",
    "Birds in the garden, recorded early in the morning.",
    "An empty office with flickering lights. tags: interior, horror",
    "IMG_0001",
    "version 2 draft",
    "untitled recording",
    "Ein Hund schläft vor dem Kamin.",
    "Besprechung der Kostüme für die nächste Folge.",
    "Blick über die Stadt bei Sonnenuntergang.",
    "Gitarre und Schlagzeug, schneller Takt.",
    "Eine alte Frau zählt Münzen am Küchentisch.",
    "Entwurf für das Plakat, blaue Schrift auf Weiß.",
    "Der Wald im Herbst, gelbe Blätter am Boden.",
    "Szene im Zug: zwei Fremde sehen sich an.",
    "Una mujer mayor cose junto a la ventana.",
    "Notas sobre el reparto y las localizaciones.",
    "El tren llega a la estación vacía.",
    "Pasos en un pasillo largo, eco.",
    "Un niño dibuja un barco en la arena.",
    "La ciudad de noche, luces de neón y humo.",
    "Boceto del vestuario del general.",
    "Un chat noir sur le mur du jardin.",
    "La vieille bibliothèque pleine de poussière.",
    "Deux amis se disputent au bord de la rivière.",
    "Uma estrada vazia depois da chuva.",
    "Il mercato del pesce, voci e passi.",
    "一个女人在花园里看书。",
    "城市夜景，霓虹灯。",
    "古い駅のホームで待つ少年。",
    "Старый дом на краю деревни.",
    "Een fietser in de mist.",
)
# As people type them: one to four words.
QUERIES = (
    *("dog", "winter", "letter", "coffee", "angry man", "guitar", "horse", "green door", "river", "night street"),
    *("old photograph", "dance", "storyboard", "two people talking", "close-up face", "forest", "blue", "car"),
    *("Garten", "Musik", "Auto", "alte Frau", "Gesicht", "Tanz", "Stadt bei Nacht", "Schritte", "Herbst", "Brief"),
    *("mujer", "ciudad", "noche", "tren", "libro", "dos amigos", "voz de niño", "playa", "vestido azul"),
    *("chat", "vieille maison", "strada", "花园", "夜景", "駅", "дом"),
)


def measure() -> Matrix:
    """The mean of queries, then that of passages."""
    model = LocalModel()
    queries = [model.raw_query(text) for text in QUERIES]
    passages = [model.raw_passage(text) for text in PASSAGES]
    return np.stack([np.mean(queries, axis=0), np.mean(passages, axis=0)]).astype(np.float32)


if __name__ == "__main__":
    np.save(CENTRE, measure())
