"""Print the Debian packages that hold Tesseract's language data, one a line."""

import sys

from ocr.languages import debian_packages

if __name__ == "__main__":
    sys.stdout.write("\n".join(debian_packages()) + "\n")
