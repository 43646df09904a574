"""Draw the example pictures that ship with the gateway; needs Pillow's own font only."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).parents[1] / "gateway/src/gateway/examples"

LETTER = """14 March 2026

Dear Ms. Alder,

I am writing to apply for the position of marketing
assistant that you advertised last week.

For three years I have planned campaigns for a small
bakery. I enjoyed every day of it, and our sales grew
by a third. I write clearly, I work well with others,
and I would love to learn from your excellent team.

Thank you for your time. I look forward to hearing
from you.

Sincerely,
Rowan Hale"""


def main() -> None:
    """Write letter.png: black text on white, 1000 by 1000 pixels."""
    picture = Image.new("L", (1000, 1000), 255)
    font = ImageFont.load_default(size=32)
    ImageDraw.Draw(picture).multiline_text((80, 90), LETTER, fill=0, font=font, spacing=16)
    FOLDER.mkdir(exist_ok=True)
    picture.save(FOLDER / "letter.png", optimize=True)


if __name__ == "__main__":
    main()
