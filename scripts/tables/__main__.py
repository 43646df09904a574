"""Write the tables of docs/ between their marks; the text around them is edited in the page."""

from scripts.tables.pages import PAGES, filled

if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
