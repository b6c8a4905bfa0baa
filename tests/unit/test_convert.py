"Texts to values: whole columns give what one text gives; the rules, by example"

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motor_ingesta.formats.convert import (
    MisfitError,
    OptionError,
    TextRules,
    from_text,
    number_signs,
    parse_text,
    text_rules,
)

UTC = pa.timestamp("us", "UTC")
NTZ = pa.timestamp("us")
NUMBERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()]
DECIMALS = [(10, 2), (5, 0), (15, 6), (32, 6), (19, 19), (38, 0)]
KINDS = [*NUMBERS, *(pa.decimal128(*size) for size in DECIMALS), pa.bool_(), pa.string()]
ODD_NUMBERS = [
    *(
        "",
        "-",
        "+",
        ".",
        "0",
        "-0",
        "+7",
        "007",
        ".5",
        "5.",
        "-5.",
        " 7",
        "7 ",
        "7\n",
        "0x10",
        "1_0",
    ),
    *("1e2", "1E-2", "1.5e1", "1e400", "1E-400", "1e", "1d", "NaN", "nan", "Inf", "-Inf", "inf"),
    *(
        "12.5",
        "12.500000000",
        "12.505",
        "99999999.99",
        "100000000",
        "1e8",
        "1,5",
        "1.234,5",
        "1,234.5",
    ),
    *("9" * 38, "9" * 39, "9" * 26 + ".999999", "0" * 50 + "1", "1." + "0" * 60, "0.0000001", "٣"),
    *("127", "128", "-129", "32768", "2147483648", "-9223372036854775808", "9223372036854775808"),
    *(
        "12,34,567.8",
        "1.5.5",
        "1,5e3",
        "1 234,5",
        "1\u00a0234,5",
        "1'234.5",
        "true",
        "TRUE",
        "False",
    ),
    *("3.5e38", "16777217", "0.1", "1e-45", "5e-324", "1.7976931348623157e308", "1e309"),
]
numbers = st.sampled_from(ODD_NUMBERS) | st.from_regex(
    r"[+-]?[0-9]{0,12}[.,]?[0-9]{0,9}", fullmatch=True
)


def one_by_one(texts, kind, rules):
    values = []
    for text in texts:
        try:
            values.append(None if text is None else parse_text(text, kind, rules))
        except MisfitError:
            values.append(None)
    return pa.array(values, kind)


def check_same(texts, kind, rules):
    values, fits = from_text(pa.array(texts, pa.string()), kind, rules)
    values.validate(full=True)
    expected = one_by_one(texts, kind, rules)
    assert str(values.to_pylist()) == str(expected.to_pylist())
    missing = expected.is_null().to_pylist()
    assert fits.to_pylist() == [
        text is None or not m for text, m in zip(texts, missing, strict=True)
    ]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("locale", ["en-US", "es-ES", "fr-FR", "de-CH"])
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.none() | numbers, max_size=8))
def test_numbers_of_a_column(kind, locale, texts):
    check_same(texts, kind, TextRules(locale=locale))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_each_odd_number_alone(kind):
    for text in ODD_NUMBERS:
        for locale in ("en-US", "es-ES"):
            check_same([text], kind, TextRules(locale=locale))
    check_same(ODD_NUMBERS, kind, TextRules())


MOMENTS = [
    *(
        "2026-01-07T06:30:00.000Z",
        "2026-01-07 06:30:00",
        "2026-01-07T06:30:00.123456+02:00",
        "2026-01-07",
    ),
    *(
        "2026-01-07T06:30:00.1234567Z",
        "2026-01-07T06:30:00.123456000Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01",
    ),
    *(
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-02:00",
        "0001-01-01T00:00:00+02:00",
        "0000-01-01",
    ),
    *(
        "2026-01-07T24:00:00Z",
        "2026-01-07T23:59:60Z",
        "2026-01-07T06:30:00+18:00",
        "2026-01-07T06:30Z",
    ),
    *(
        "2026-1-7T06:30:00Z",
        "2026-1-7",
        "2026-01-07T06",
        "2026-01-07T06Z",
        "2026-01-07T06+02",
        "",
        "2026-01-07Z",
    ),
    *(
        "2026-01-07T06:30:00 UTC",
        "+2026-01-07",
        "20260107",
        "2026-01-07T06:30:00+0200",
        "2026-01-07T06:30:00+02",
    ),
    *(
        "2026-01-07T06:30:00+24:00",
        "2026-03-29 02:30:00",
        "2026-10-25 02:30:00",
        "1582-10-10",
        "1900-01-01 00:00",
    ),
    *(
        "07/01/2026",
        "7/1/2026",
        "7/1/26",
        "31/02/2026",
        "07/01/2026 06:30",
        "7/1/2026 6:30",
        "07/01/2026 25:00",
    ),
    *(
        "07 Jan 2026",
        "7 January 2026",
        "07/01/2026 3:05 PM",
        "07/01/2026 13:05 PM",
        "2026-01-07T06:30:00.",
        "x",
    ),
    *(
        "2026-01-07 06:30:00\n",
        "\u0662026-01-07",
        "2026-01-07T06:30:00.5",
        "2026-01-07T06:30:00.000000001",
    ),
]
FORMATS = [
    *(
        None,
        "dd/MM/yyyy",
        "d/M/yyyy",
        "d/M/yy",
        "dd/MM/yyyy HH:mm",
        "d/M/yyyy H:mm",
        "dd/MM/yyyy['T'HH:mm][ H:mm]",
    ),
    *(
        "dd MMM yyyy",
        "d MMMM yyyy",
        "dd/MM/yyyy h:mm a",
        "yyyy-MM-dd HH:mm:ss[.SSS][XXX]",
        "yyyyMMdd",
    ),
    *(
        "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSSX",
        "yyyy-MM-dd'T'HH:mm:ssZ",
        "yyyy-MM-dd",
        "yyyy-MM-dd'T'HH:mm:ss z",
    ),
]


@pytest.mark.parametrize("pattern", FORMATS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Madrid", "+05:30"])
def test_moments_by_a_pattern(pattern, zone):
    rules = TextRules(None, pattern, pattern, time_zone=zone)
    for kind in (UTC, NTZ):
        check_same([*MOMENTS, None], kind, rules)
        for text in MOMENTS:
            check_same([text], kind, rules)


@pytest.mark.parametrize(
    "pattern", [None, "dd/MM/yyyy", "d/M/yyyy", "d/M/yy", "dd MMM yyyy", "yyyy-MM-dd"]
)
def test_dates_by_a_pattern(pattern):
    check_same([*MOMENTS, None], pa.date32(), TextRules(pattern))
    for text in MOMENTS:
        check_same([text], pa.date32(), TextRules(pattern))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.datetimes(), max_size=5), st.sampled_from(["Europe/Madrid", "America/New_York"]))
def test_local_times_are_as_python_has_them(times, zone):
    texts = [time.isoformat(sep=" ") for time in times]
    check_same(texts, UTC, TextRules(time_zone=zone))


@pytest.mark.parametrize(
    "text, kind, options, value",
    [
        ("1.234,5", pa.decimal128(10, 2), {"locale": "es-ES"}, Decimal("1234.50")),
        ("1234.5", pa.decimal128(10, 2), {"locale": "es-ES"}, None),
        ("1,5e3", pa.decimal128(10, 2), {}, None),
        ("12.505", pa.decimal128(10, 2), {}, None),
        ("12.5000", pa.decimal128(10, 2), {}, Decimal("12.50")),
        ("07/01/2026", pa.date32(), {"dateFormat": "dd/MM/yyyy"}, dt.date(2026, 1, 7)),
        ("-", pa.float64(), {"nanValue": "-"}, "nan"),
        ("9999", pa.float64(), {"positiveInf": "9999"}, float("inf")),
        ("1e400", pa.float64(), {}, None),
    ],
)
def test_what_the_rules_say(text, kind, options, value):
    values, fits = from_text(pa.array([text]), kind, text_rules(options))
    assert str(values[0].as_py()) == str(value)
    assert fits[0].as_py() == (value is not None)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"dateFormat": "dd/mm/yyyy"}, "has a time"),
        ({"timestampFormat": "YYYY-MM-dd"}, "did you mean y"),
        ({"timestampFormat": "yyyy-MM-dd hh:mm"}, "h without a"),
        ({"timestampFormat": "[yyyy-MM-dd"}, "brackets"),
        ({"timestampFormat": "yyyy-MM-dd yyyy"}, "twice"),
        ({"dateFormat": "dd MMM yyyy", "locale": "es-ES"}, "English"),
        ({"locale": "spain"}, "not a locale"),
        ({"timeZone": "Mars/Olympus"}, "not a time zone"),
    ],
)
def test_options_that_are_refused(options, sentence):
    with pytest.raises(OptionError, match=sentence):
        text_rules(options)


def test_decimal_signs_are_those_of_cldr():
    babel = pytest.importorskip("babel.numbers")
    for locale in (
        "es-ES",
        "es-MX",
        "de-DE",
        "de-CH",
        "fr-FR",
        "en-US",
        "en-GB",
        "pt-BR",
        "it-IT",
        "pl-PL",
        "nl-NL",
        "sv-SE",
        "tr-TR",
        "en-IN",
    ):
        decimal, grouping = number_signs(locale)
        assert decimal == babel.get_decimal_symbol(locale.replace("-", "_"))
        assert babel.get_group_symbol(locale.replace("-", "_")) in grouping
