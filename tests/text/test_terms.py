"""Terms in many languages, and what holds of the terms of any text."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintower.repository.build import copy_package
from pintower.text.rendering import Rendering, normalize_query
from pintower.text.terms import term_id, terms

EXPECTED = {
    "": "",
    "Red Shoes": "red shoes",
    "men's shoes": "men mens shoes",
    "MEN’S": "men mens",
    "don´t": "don dont",
    "T-shirt, t_shirt": "t shirt tshirt t shirt tshirt",
    "#HomeDecor @me (you)": "homedecor me you",
    "end.Next and/or": "end next and or",
    "U.S. u.s.a": "us usa",
    # model numbers and measures
    "WH-1000XM5": "wh 1000 xm 5 wh1000xm5",
    "wh1000xm5": "wh 1000 xm 5 wh1000xm5",
    "550e8400e29b41d4": "550e8400e29b41d4",
    "3/4 in": "3/4 in",
    "¾ in": "3/4 in",
    '15"': "15",
    "15in": "15 in 15in",
    "1½ cups": "1 1/2 cups",
    "1-1/2": "1 1/2",
    "1,5 l": "1.5 l",
    "1.5 l": "1.5 l",
    "2.4GHz": "2.4 ghz 2.4ghz",
    "1,500 1.500 1500": "1500 1500 1500",
    "1.500,75 €": "1500.75",
    "0.125": "0.125",
    "1,2,3": "1 2 3",
    "12/05/2024": "12 05 2024",
    "978-3-16": "978 3 16 978316",
    "5×7": "5 x 7 5x7",
    "m² ①": "m 2 m2 1",
    "ＡＢＣ１２": "abc 12 abc12",
    # alphabets
    "Straße STRASSE": "strasse strasse",
    "L'amour à l’été": "amour lamour à été lété",
    "İstanbul ISTANBUL ıstanbul istanbul": "istanbul istanbul istanbul istanbul",
    "IŞIK ışık": "ișik ișik",
    "şi și": "și și",
    "Ёлка елка": "елка елка",
    "п’ять комп'ютер": "ять пять комп ютер компютер",
    "ΟΔΟΣ οδός": "οδοσ οδόσ",
    "e\u0301te\u0301 été": "été été",
    "Giày thể thao": "giày thể thao",
    # marks
    "जूते": "जूते",
    "हिन्दी में २०२४": "हिन्दी में 2024",
    "क्\u200dष क्ष": "क्ष क्ष",
    "বাংলা": "বাংলা",
    "தமிழ்": "தமிழ்",
    "తెలుగు": "తెలుగు",
    "മലയാളം": "മലയാളം",
    "ਪੰਜਾਬੀ": "ਪੰਜਾਬੀ",
    "ދިވެހި": "ދިވެހި",
    "བོད་ཡིག": "བོད ཡིག",
    "አማርኛ፡ሰላም": "አማርኛ ሰላም",
    "ქართული": "ქართული",
    "Հայերեն": "հայերեն",
    "مُحَمَّد محمد": "محمد محمد",
    "كتـــاب كتاب": "كتاب كتاب",
    "١٢٫٥ ۱۲": "12.5 12",
    "می\u200cخواهم ميخواهم": "ميخواهم ميخواهم",
    "שָׁלוֹם שלום": "שלום שלום",
    'צה"ל צה״ל': "צהל צהל",
    # words not set apart
    "运动鞋": "运 运动 动 动鞋 鞋",
    "鞋": "鞋",
    "红色，运动": "红 红色 色 运 运动 动",
    "iPhone手机": "iphone 手 手机 机",
    "3月": "3 月",
    "𠮷野": "𠮷 𠮷野 野",
    "カバン ｶﾊﾞﾝ": "カ カバ バ バン ン カ カバ バ バン ン",
    "한국": "한 한국 국",
    "ปู": "ปู",
    "น้ำ นํ้า": "น้ำ น้ำ",
    "ไท\u200bย": "ไ ไท ท ทย ย",
    "ນ້ຳ": "ນ້ຳ",
    "ខ្មែរ": "ខ្មែ ខ្មែរ រ",
    "မြန်မာ": "မြ မြန် န် န်မာ မာ",
    # what is not seen, and pictures
    "soft\u00adhyphen \u202eright\u202c": "softhyphen right",
    "\ufeffshoes\u200b\u2060": "shoes",
    "two\u200bwords": "two words",
    "👩🏽\u200d🍳 👩🍳": "👩 🍳 👩 🍳",
    "🇩🇪 ☕\ufe0f 1\ufe0f\u20e3": "🇩🇪 ☕ 1",
    "\ud800 \uffff \ue000 !?": "",
}


@pytest.mark.parametrize("text", EXPECTED, ids=ascii)
def test_a_text_has_the_terms_of_the_stated_rules(text: str) -> None:
    assert terms(text) == EXPECTED[text].split()


HARD = st.text(
    st.sampled_from(
        "aBzZİIıß09१２.,/'-_\"’ʼ´`½²×运鞋かカ가나ไยำ้ํเजू्\u200d\u200c\u200b\u00ad\ufeffحـ\u064fצ״\u05bc"
        "👩🏽🇩🇪☕🆒 \t\n\u3000\u0301\u0307\u0327\ud800\udc00\U0001e900\U0003fffe\u0378Σς"
        "\u1e9eŉǰ\ufb01Ⅷ①㍿ﷺ"
    ),
    max_size=14,
)
ANY = st.text(st.characters(exclude_categories=()), max_size=40)


@given(HARD | ANY)
def test_any_text_has_terms_and_each_term_finds_itself(text: str) -> None:
    for term in terms(text):
        assert term in terms(term)
        assert 0 <= term_id(term) < 2**32


@given(HARD | ANY)
def test_a_query_has_the_terms_of_its_normal_form(text: str) -> None:
    for lowercase in (True, False):
        assert terms(normalize_query(text, Rendering(lowercase=lowercase))) == terms(text)


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_plain_english_has_the_same_terms_beside_any_other_script(text: str) -> None:
    assert terms(f"{text} é") == [*terms(text), "é"]
    assert terms(f"{text} {'x' * 70}é") == [*terms(text), f"{'x' * 70}é"]


@given(HARD, HARD)
def test_blanks_part_a_text(before: str, after: str) -> None:
    assert terms(f"{before} {after}") == terms(before) + terms(after)
    assert terms(f"{before}\u2028{after}") == terms(before) + terms(after)


@given(st.text("运动鞋红色かなไทยลาว가방ខ្មែရန်", min_size=1, max_size=12))
def test_a_query_of_one_character_is_held_by_every_run_with_it(text: str) -> None:
    held = set(terms(text))
    for character in terms(text):
        if len(terms(character)) == 1:
            assert set(terms(character)) <= held


def test_a_word_of_any_length_is_cut_in_time_that_grows_with_it() -> None:
    for text in ("a1" * 50_000, "a-" * 50_000, "1," * 50_000, "a'" * 50_000, "\u200b运" * 50_000):
        assert terms(text)


def test_the_copied_package_gives_the_same_terms(tmp_path: Path) -> None:
    copy_package("text", tmp_path)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pintower.text import terms as module\n"
        "assert module.__file__.startswith(sys.argv[1])\n"
        "for line in sys.stdin.read().split('\\0'): print(' '.join(module.terms(line)))"
    )
    texts = [text for text in EXPECTED if text.isprintable()]
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-I", "-c", program, str(tmp_path)],
        input="\0".join(texts), capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [" ".join(EXPECTED[text].split()) for text in texts]
