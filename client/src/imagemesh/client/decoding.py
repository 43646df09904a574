"""gRPC responses as the answers that REST gives; nothing is computed here."""

from collections.abc import Iterable
from typing import Final, TypeVar

from imagemesh.client.answers import (
    Analysis,
    AnalyzedText,
    Answer,
    Colorized,
    Details,
    Emotion,
    Face,
    FaceCoordinates,
    Label,
    Language,
    Model,
    Nudity,
    Sentiment,
    Text,
    TextLine,
)
from imagemesh.client.images import Picture, data_uri
from imagemesh.colorize.v1.colorize_service_pb2 import ColorizeResponse
from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1.ocr_service_pb2 import (
    AnalyzeResponse,
    AnalyzeTextResponse,
    RecognizeResponse,
)
from imagemesh.vision.v1 import vision_service_pb2

_SENTIMENTS: Final = {
    analysis_pb2.SENTIMENT_LABEL_UNSPECIFIED: "unknown",
    analysis_pb2.SENTIMENT_LABEL_POSITIVE: "positive",
    analysis_pb2.SENTIMENT_LABEL_NEUTRAL: "neutral",
    analysis_pb2.SENTIMENT_LABEL_NEGATIVE: "negative",
}

ResultT = TypeVar("ResultT")


def colorized(response: ColorizeResponse) -> Answer[Colorized]:
    """Return the answer of a service that hosts nothing: the picture in a `data:` URI."""
    details = Details(
        model=model_of(response.model),
        seconds=response.seconds,
        width=response.size.width,
        height=response.size.height,
        already_coloured=response.already_coloured,
    )
    picture = Picture(response.image, response.media_type)
    return Answer(Colorized(data_uri(picture)), details)


def recognized(response: RecognizeResponse, *, min_confidence: float) -> Answer[Text]:
    """Return the answer for the text of a picture."""
    details = Details(
        model=model_of(response.model),
        seconds=response.seconds,
        width=response.size.width,
        height=response.size.height,
        lang=response.language,
        confidence=response.confidence,
        rotation_degrees=response.rotation_degrees,
        lines=tuple(_line(line) for line in response.lines if line.confidence >= min_confidence),
        route=response.route or None,
    )
    return Answer(Text(text=response.text), details)


def analyzed(response: AnalyzeResponse) -> Answer[Analysis]:
    """Return the answer for the analyzed text of a picture."""
    details = Details(
        model=model_of(response.model),
        seconds=response.seconds,
        analysis_model=model_of(response.analysis.model),
        language=response.analysis.language,
    )
    return Answer(_analysis(response.analysis, text=response.text), details)


def analyzed_text(response: AnalyzeTextResponse, *, text: str) -> Answer[Analysis]:
    """Return the answer for an analyzed `text`."""
    details = Details(
        model=model_of(response.model),
        seconds=response.seconds,
        language=response.analysis.language,
    )
    return Answer(_analysis(response.analysis, text=text), details)


def faces(
    response: vision_service_pb2.DetectEmotionsResponse, *, min_confidence: float
) -> Answer[tuple[Face, ...]]:
    """Return the answer for the faces of a photo."""
    details = Details(
        model=model_of(response.model),
        seconds=response.seconds,
        face_model=model_of(response.face_model),
    )
    return Answer(
        tuple(_face(face, min_confidence=min_confidence) for face in response.faces), details
    )


def classified(
    response: vision_service_pb2.ClassifyResponse, *, min_confidence: float
) -> Answer[tuple[Label, ...]]:
    """Return the answer for the classes of a photo."""
    labels = tuple(
        Label(label.tag, label.confidence)
        for label in response.labels
        if label.confidence >= min_confidence
    )
    return Answer(labels, Details(model=model_of(response.model), seconds=response.seconds))


def judged(response: vision_service_pb2.DetectNudityResponse) -> Answer[Nudity]:
    """Return the answer for the judgement of a photo."""
    details = Details(
        model=model_of(response.model), seconds=response.seconds, threshold=response.threshold
    )
    return Answer(Nudity(is_nude=response.is_nude, confidence=response.confidence), details)


def languages(found: Iterable[page_pb2.Language]) -> tuple[Language, ...]:
    """Return the languages."""
    return tuple(
        Language(
            language.code,
            language.name,
            language.installed,
            language.engine,
            tuple(language.packages),
            language.tag,
            language.script,
            language.route,
            language.error_rate,
            language.photo_error_rate,
        )
        for language in found
    )


def model_of(model: image_pb2.Model) -> Model:
    """Return what gave an answer."""
    return Model(model.name, model.version, model.device)


def _line(line: page_pb2.Line) -> TextLine:
    return TextLine(line.text, line.confidence, tuple((at.x, at.y) for at in line.corners))


def _analysis(analysis: analysis_pb2.Analysis, *, text: str) -> Analysis:
    sentiment = analysis.sentiment
    return Analysis(
        text=AnalyzedText(text, analysis.summary),
        sentiment=Sentiment(_SENTIMENTS.get(sentiment.label, "unknown"), sentiment.confidence),
        tags=", ".join(analysis.tags),
        notice=analysis.notice or None,
    )


def _face(face: vision_service_pb2.Face, *, min_confidence: float) -> Face:
    box = FaceCoordinates(
        top=face.box.top, bottom=face.box.bottom, left=face.box.left, right=face.box.right
    )
    found = tuple(
        Emotion(emotion.name, emotion.confidence)
        for emotion in face.emotions
        if emotion.confidence >= min_confidence
    )
    return Face((box,), found)
