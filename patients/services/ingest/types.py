"""Types of posted fields. Every check runs inside pydantic-core: no Python call per value.

A value of a wrong kind gives one error whose type is a word of `messages.py` (`date`, `money`, …), whatever step of
the check it failed. Money travels as a float: shortest-repr floats carry 15 digits exactly and the largest amount has
12, so what PostgreSQL reads as numeric(12, 2) is what was posted, rounded half up to kopecks.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import GetPydanticSchema, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

MAX_MONEY = 9_999_999_999.99
NO_NUL = r"^[^\x00]*$"
# 1900–2099; PostgreSQL takes offsets below 16 hours.
DATE = r"^(?:19|20)\d\d-\d\d-\d\d$"
TIME = r"^(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-](?:0\d|1[0-5]):?[0-5]\d)?$"
NUMBER = r"^-?\d{1,12}(?:\.\d{1,6})?$"


def _said(schema: CoreSchema, kind: str) -> CoreSchema:
    return core_schema.custom_error_schema(schema, custom_error_type=kind, custom_error_message=kind)


def _use(schema: CoreSchema) -> GetPydanticSchema:
    return GetPydanticSchema(lambda _source, _handler: schema)


def _number(kind: str, minimum: float, maximum: float) -> CoreSchema:
    """A JSON number, or a string of digits as decimal libraries write it; never true or false, never NaN."""
    number = core_schema.float_schema(strict=True, ge=minimum, le=maximum, allow_inf_nan=False)
    text = core_schema.chain_schema(
        [
            core_schema.str_schema(strict=True, pattern=NUMBER),
            core_schema.float_schema(ge=minimum, le=maximum, allow_inf_nan=False),
        ]
    )
    return _said(core_schema.union_schema([number, text], mode="left_to_right"), kind)


def _text(max_length: int, min_length: int = 0, *, numbers: bool = False) -> CoreSchema:
    return core_schema.str_schema(
        strict=not numbers,
        strip_whitespace=True,
        min_length=min_length,
        max_length=max_length,
        pattern=NO_NUL,
        coerce_numbers_to_str=numbers,
    )


def _moment(kind: str, pattern: str, schema: CoreSchema) -> CoreSchema:
    return _said(core_schema.chain_schema([core_schema.str_schema(strict=True, pattern=pattern), schema]), kind)


def text(max_length: int) -> Any:
    """Text that may be empty or null."""
    schema = core_schema.nullable_schema(_text(max_length))
    return Annotated[
        str | None, _use(schema), WithJsonSchema({"type": "string", "nullable": True, "maxLength": max_length})
    ]


def name(max_length: int) -> Any:
    """Text that must say something."""
    return Annotated[
        str,
        _use(_text(max_length, 1)),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": max_length}),
    ]


def number(minimum: float, maximum: float, kind: str = "number") -> Any:
    """A whole number that may be null."""
    schema = core_schema.nullable_schema(
        _said(core_schema.int_schema(strict=True, ge=int(minimum), le=int(maximum)), kind)
    )
    return Annotated[
        int | None,
        _use(schema),
        WithJsonSchema({"type": "integer", "nullable": True, "minimum": minimum, "maximum": maximum}),
    ]


def count(minimum: int, maximum: int) -> Any:
    """A whole number that must be there."""
    schema = _said(core_schema.int_schema(strict=True, ge=minimum, le=maximum), "number")
    return Annotated[int, _use(schema), WithJsonSchema({"type": "integer", "minimum": minimum, "maximum": maximum})]


_money = _number("money", 0, MAX_MONEY)
_MONEY_JSON = {"type": "number", "minimum": 0, "maximum": MAX_MONEY, "multipleOf": 0.01}

ExternalId = Annotated[
    str,
    _use(_text(64, 1, numbers=True)),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 64}),
]
Reference = Annotated[
    str | None,
    _use(core_schema.nullable_schema(_text(64, numbers=True))),
    WithJsonSchema({"type": "string", "nullable": True, "maxLength": 64}),
]
Day = Annotated[
    date | None,
    _use(core_schema.nullable_schema(_moment("date", DATE, core_schema.date_schema()))),
    WithJsonSchema({"type": "string", "format": "date", "nullable": True}),
]
RequiredDay = Annotated[
    date,
    _use(_moment("date", DATE, core_schema.date_schema())),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Moment = Annotated[
    datetime,
    _use(_moment("time", TIME, core_schema.datetime_schema())),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
OptionalMoment = Annotated[
    datetime | None,
    _use(core_schema.nullable_schema(_moment("time", TIME, core_schema.datetime_schema()))),
    WithJsonSchema({"type": "string", "format": "date-time", "nullable": True}),
]
Money = Annotated[float, _use(_money), WithJsonSchema(_MONEY_JSON)]
OptionalMoney = Annotated[
    float | None,
    _use(core_schema.nullable_schema(_money)),
    WithJsonSchema({**_MONEY_JSON, "nullable": True}),
]
Quantity = Annotated[
    float,
    _use(_number("quantity", 0.01, 999_999.99)),
    WithJsonSchema({"type": "number", "minimum": 0.01, "maximum": 999_999.99}),
]
Flag = Annotated[bool, _use(core_schema.bool_schema(strict=True)), WithJsonSchema({"type": "boolean"})]
Sex = Annotated[
    Literal["", "female", "male"] | None,
    WithJsonSchema({"type": "string", "nullable": True, "enum": ["", "female", "male", None]}),
]
