"""The example answers of the API reference that we are compatible with, quoted; URL is a place."""

from typing import Any

OCR = '{"result": {"url": "URL", "text": "Extracted text will appear here."}}'

ANALYZED_OCR = """
{
    "result": {
        "url": "URL",
        "text": {
            "full_text": "Full version of the extracted text will appear here",
            "summary": "Summary of text will appear here"
        },
        "sentiment": {
            "result": "positive",
            "confidence": 0.87191122770309
        },
        "tags": "Marketing, Business, Cover Letter"
    }
}
"""

EMOTIONS = """
{
    "result": [
        {
            "faceCoordinates": [
                {
                    "top": 43,
                    "bottom": 266,
                    "left": 68,
                    "right": 291
                }
            ],
            "emotions": [
                {
                    "emotion": "Neutral",
                    "confidence": 0.3957436
                },
                {
                    "emotion": "Happy",
                    "confidence": 0.2977428
                },
                {
                    "emotion": "Fear",
                    "confidence": 0.1349366
                },
                {
                    "emotion": "Disgust",
                    "confidence": 0.1311134
                },
                {
                    "emotion": "Sad",
                    "confidence": 0.0243831
                }
            ]
        }
    ]
}
"""

CLASSIFY = """
{
    "result": [
        {
            "tag": "baseball",
            "confidence": 0.98731774091721
        },
        {
            "tag": "ballplayer, baseball player",
            "confidence": 0.012508379295468
        },
        {
            "tag": "partridge",
            "confidence": 0.000022209002054296
        },
        {
            "tag": "ruffed grouse, partridge, Bonasa umbellus",
            "confidence": 0.0000041196412894351
        },
        {
            "tag": "scoreboard",
            "confidence": 0.0000029124785214663
        }
    ]
}
"""

NUDITY = """
{
    "result": {
        "url": "URL",
        "isNude": true,
        "confidence": 0.99999999
    }
}
"""

COLORIZE = """
{
    "result": {
        "colorized": "https://neptunai.com/content/colorized/0902060620-7033-example.jpeg"
    }
}
"""


def shape(value: Any) -> Any:  # Any: JSON of every shape
    """Return keys in their order and types; of a list, the shape of its first entry."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value)
