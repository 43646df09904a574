"""gRPC responses as the JSON of the REST API; nothing is computed here."""

from msgspec import UnsetType

from gateway import contract
from imagemesh.colorize.v1.colorize_service_pb2 import ColorizeResponse
from imagemesh.image.v1 import image_pb2
from imagemesh.ocr.v1 import analysis_pb2, page_pb2
from imagemesh.ocr.v1.ocr_service_pb2 import (
    AnalyzeResponse,
    AnalyzeTextResponse,
    ListLanguagesResponse,
    RecognizeResponse,
)
from imagemesh.vision.v1 import vision_service_pb2
from imagemesh.vision.v1.vision_service_pb2 import (
    ClassifyResponse,
    DetectEmotionsResponse,
    DetectNudityResponse,
)

_SENTIMENTS = {
    analysis_pb2.SENTIMENT_LABEL_UNSPECIFIED: "unknown",
    analysis_pb2.SENTIMENT_LABEL_POSITIVE: "positive",
    analysis_pb2.SENTIMENT_LABEL_NEUTRAL: "neutral",
    analysis_pb2.SENTIMENT_LABEL_NEGATIVE: "negative",
}


def colorized(response: ColorizeResponse, *, url: str) -> contract.ColorizeAnswer:
    """Return the answer for a coloured picture that is hosted at `url`."""
    details = contract.AnswerDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        width=response.size.width,
        height=response.size.height,
        already_coloured=response.already_coloured,
    )
    return contract.ColorizeAnswer(contract.Colorized(url), details)


def recognized(
    response: RecognizeResponse, *, url: str | UnsetType, min_confidence: float
) -> contract.OcrAnswer:
    """Return the answer for the text of the picture at `url`."""
    lines = [line for line in response.lines if line.confidence >= min_confidence]
    details = contract.AnswerDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        width=response.size.width,
        height=response.size.height,
        lang=response.language,
        confidence=response.confidence,
        rotation_degrees=response.rotation_degrees,
        lines=[_line(line) for line in lines],
        route=response.route or None,
    )
    return contract.OcrAnswer(contract.Text(url=url, text=response.text), details)


def analyzed(response: AnalyzeResponse, *, url: str | UnsetType) -> contract.AnalyzedOcrAnswer:
    """Return the answer for the analyzed text of the picture at `url`."""
    analysis = response.analysis
    details = contract.AnswerDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        analysis_model=model_of(analysis.model),
        language=analysis.language,
    )
    result = contract.Analysis(
        url=url,
        text=contract.AnalyzedText(response.text, analysis.summary),
        sentiment=_sentiment(analysis.sentiment),
        tags=", ".join(analysis.tags),
        notice=analysis.notice or None,
    )
    return contract.AnalyzedOcrAnswer(result, details)


def analyzed_text(response: AnalyzeTextResponse, *, text: str) -> contract.AnalyzedTextAnswer:
    """Return the answer for an analyzed `text`."""
    analysis = response.analysis
    details = contract.AnswerDetails(
        model=model_of(response.model), seconds=response.seconds, language=analysis.language
    )
    result = contract.TextAnalysis(
        contract.AnalyzedText(text, analysis.summary),
        _sentiment(analysis.sentiment),
        ", ".join(analysis.tags),
        analysis.notice or None,
    )
    return contract.AnalyzedTextAnswer(result, details)


def emotions(response: DetectEmotionsResponse, *, min_confidence: float) -> contract.EmotionsAnswer:
    """Return the answer for the faces of a photo."""
    details = contract.AnswerDetails(
        model=model_of(response.model),
        seconds=response.seconds,
        face_model=model_of(response.face_model),
    )
    faces = [_face(face, min_confidence=min_confidence) for face in response.faces]
    return contract.EmotionsAnswer(faces, details)


def classified(response: ClassifyResponse, *, min_confidence: float) -> contract.ClassifyAnswer:
    """Return the answer for the classes of a photo."""
    labels = [
        contract.Label(label.tag, label.confidence)
        for label in response.labels
        if label.confidence >= min_confidence
    ]
    details = contract.AnswerDetails(model=model_of(response.model), seconds=response.seconds)
    return contract.ClassifyAnswer(labels, details)


def judged(response: DetectNudityResponse, *, url: str | UnsetType) -> contract.NudityAnswer:
    """Return the answer for the judgement of the photo at `url`."""
    details = contract.AnswerDetails(
        model=model_of(response.model), seconds=response.seconds, threshold=response.threshold
    )
    result = contract.Nudity(url=url, is_nude=response.is_nude, confidence=response.confidence)
    return contract.NudityAnswer(result, details)


def languages(response: ListLanguagesResponse) -> contract.LanguagesAnswer:
    """Return the answer for the languages."""
    return contract.LanguagesAnswer(
        [
            contract.Language(
                language.code,
                language.name,
                language.installed,
                language.engine,
                list(language.packages),
                language.tag,
                language.script,
                language.route,
                language.error_rate,
                language.photo_error_rate,
            )
            for language in response.languages
        ]
    )


def model_of(model: image_pb2.Model) -> contract.Model:
    """Return what gave an answer."""
    return contract.Model(model.name, model.version, model.device)


def _line(line: page_pb2.Line) -> contract.TextLine:
    corners = [(corner.x, corner.y) for corner in line.corners]
    return contract.TextLine(line.text, line.confidence, corners)


def _sentiment(sentiment: analysis_pb2.Sentiment) -> contract.Sentiment:
    return contract.Sentiment(_SENTIMENTS[sentiment.label], sentiment.confidence)


def _face(face: vision_service_pb2.Face, *, min_confidence: float) -> contract.Face:
    box = contract.FaceCoordinates(
        top=face.box.top, bottom=face.box.bottom, left=face.box.left, right=face.box.right
    )
    found = [
        contract.Emotion(emotion.name, emotion.confidence)
        for emotion in face.emotions
        if emotion.confidence >= min_confidence
    ]
    return contract.Face([box], found)
