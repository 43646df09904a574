"""Languages that callers may send."""

import pytest

from ocr.asking import find_language, find_languages
from servicekit.errors import UnsupportedLanguage


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("", "eng"),
        ("deu", "deu"),
        ("DEU", "deu"),
        ("de", "deu"),
        ("de-AT", "deu"),
        ("pt-BR", "por"),
        ("zh-Hant", "chi_tra"),
        ("zh-TW", "chi_tra"),
        ("zh", "chi_sim"),
        ("zh-Hant-HK", "chi_tra"),
        ("sr-Latn", "srp_latn"),
        ("sr-Cyrl", "srp"),
        ("uz-Cyrl", "uzb_cyrl"),
        ("nb", "nor"),
        ("fil", "tgl"),
        ("kmr", "kur"),
        ("aze_cyrl", "aze_cyrl"),
    ],
)
def test_language_is_found_by_code_and_by_tag(asked: str, code: str) -> None:
    assert find_language(asked).code == code


@pytest.mark.parametrize("code", ["xyz", "../osd", "e" * 10_000, "eng,deu", "-", "+"])
def test_unknown_code_says_how_to_list_them(code: str) -> None:
    with pytest.raises(UnsupportedLanguage, match="ListLanguages") as caught:
        find_language(code)

    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("asked", "meant"), [("germann", "deu"), ("engl", "eng"), ("chi_sin", "chi_sim")]
)
def test_near_match_is_suggested(asked: str, meant: str) -> None:
    with pytest.raises(UnsupportedLanguage, match=f'did you mean .*"{meant}"'):
        find_language(asked)


def test_several_languages_are_parted_by_a_plus() -> None:
    assert [language.code for language in find_languages("eng+de+eng")] == ["eng", "deu"]


def test_auto_names_no_language() -> None:
    assert find_languages("auto") == ()
    assert find_languages("AUTO") == ()


@pytest.mark.parametrize("codes", ["eng+", "+", "eng++deu", "eng+xyz", "eng+auto"])
def test_every_part_must_be_a_language(codes: str) -> None:
    with pytest.raises(UnsupportedLanguage):
        find_languages(codes)


def test_too_many_languages_tell_the_limit() -> None:
    with pytest.raises(UnsupportedLanguage, match="5 languages at once; send at most 4"):
        find_languages("eng+deu+fra+spa+ita")
