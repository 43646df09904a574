"""OCR engines that are compared: the service's own reading, and others with their defaults."""

from collections.abc import Callable
from types import MappingProxyType

import cv2
import tesserocr  # type: ignore[import-untyped]  # its stubs lack the py.typed marker
from PIL import Image
from rapidocr import RapidOCR

from modelkit.images import RgbImage
from modelkit.manifest import load_manifest
from ocr.languages import Language
from ocr.loaders import load_reader
from ocr.preparation import fit
from ocr.settings import OcrSettings
from ocr.tesseract import find_data_dir

Engine = Callable[[RgbImage, Language], str]

OURS = "imagemesh"
# Two codes of the public API go by another name in Tesseract.
_TESSERACT_NAMES = MappingProxyType({"kur": "kmr", "tgl": "fil"})


def load_engines(names: list[str]) -> dict[str, Engine]:
    """Return the engines with these names, with one thread each."""
    makers = {
        OURS: _imagemesh,
        "tesseract": _tesseract,
        "rapidocr": _rapidocr,
    }
    return {name: makers[name]() for name in names}


def _imagemesh() -> Engine:
    settings = OcrSettings(threads=1, profile="embedded")
    reader = load_reader(settings, load_manifest("ocr")).model
    return lambda pixels, language: reader.read(fit(pixels), language).text


def _tesseract() -> Engine:
    """Tesseract's own call: its automatic layout, the model of the language's own name."""
    folder = find_data_dir("")

    def read(pixels: RgbImage, language: Language) -> str:
        model = _TESSERACT_NAMES.get(language.code, language.code)
        with tesserocr.PyTessBaseAPI(path=str(folder), lang=model, psm=tesserocr.PSM.AUTO) as api:
            api.SetVariable("debug_file", "/dev/null")
            api.SetImage(Image.fromarray(pixels))
            return str(api.GetUTF8Text())

    return read


def _rapidocr() -> Engine:
    """Rapidocr's own call with its defaults, but for the number of threads."""
    engine = RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

    def read(pixels: RgbImage, _: Language) -> str:
        answer = engine(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        return "\n".join(getattr(answer, "txts", None) or ())

    return read
