"""Teachers that take fields out of texts: invoices, log lines, addresses."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from student_tasks import words
from student_tasks.task import NO_ANSWER, Task

if TYPE_CHECKING:
    from student_tasks.task import Draw, Row


class Text(BaseModel):
    text: str


# Invoices


class Invoice(BaseModel):
    number: str
    date: str
    customer: str
    currency: Literal["EUR", "USD", "GBP"]
    net: float
    total: float
    vat_id: str | None


_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%b %d, %Y", "%d-%b-%Y")


def _day(draw: Draw) -> dt.date:
    said = draw.new(
        lambda: dt.date.fromordinal(draw.randrange(735000, 739800)).isoformat()  # 2013-2026
    )
    return dt.date.fromisoformat(said)


def _amount(value: float, style: int) -> str:
    text = f"{value:,.2f}"
    if style == 0:
        return text
    if style == 1:
        return text.replace(",", "")
    return text.translate(str.maketrans(",.", ".,"))


def _invoice_number(draw: Draw) -> str:
    pattern = draw.choice(("INV-{}", "{}/24", "R{}", "2025-{}", "A-{}-X"))
    return draw.new(lambda: pattern.format(draw.randrange(100, 10**6)))


_LAYOUTS = (
    (
        "INVOICE {number}\n{seller}\n\nBill to: {customer}\nDate: {date}\nDue: {due}\n\n{lines}\n"
        "Subtotal {net}\nVAT {vat}\nTotal {total}\n{vat_line}"
    ),
    (
        "{seller}\n{vat_line}\nInvoice no. {number} of {date}\nfor {customer}\n\n{lines}\n"
        "Net: {net}\nTax: {vat}\nAmount due: {total}\nPayable until {due}"
    ),
    (
        "Invoice number: {number}\nInvoice date: {date}\nCustomer: {customer}\nOrder: {order}\n"
        "{lines}\nSum before tax: {net}\nVAT: {vat}\nGrand total: {total}\n{vat_line}\nThank you!"
    ),
    (
        "{seller} * {order}\nTo {customer}\n{date}\n\nInvoice {number}\n{lines}\nNet amount {net}\n"
        "plus VAT {vat}\nTo be paid: {total} by {due}\n{vat_line}"
    ),
    (
        "Dear {customer},\nplease find below our invoice {number} dated {date}.\n{lines}\n"
        "Net {net}, VAT {vat}, total {total}.\nPlease pay until {due}.\n{vat_line}\n{seller}"
    ),
)
_FOREIGN_LAYOUTS = {
    "German": (
        (
            "RECHNUNG Nr. {number}\n{seller}\nKunde: {customer}\nDatum: {date}\n{lines}\n"
            "Zwischensumme {net}\nMwSt {vat}\nGesamtbetrag {total}\nzahlbar bis {due}\n{vat_line}"
        ),
    ),
    "French": (
        (
            "Facture {number} du {date}\n{seller}\nClient {customer}\n{lines}\nHors taxes {net}\n"
            "TVA {vat}\nMontant {total}\nÀ régler avant le {due}\n{vat_line}"
        ),
    ),
    "receipts": (
        "{seller}\n{lines}\n*** {total} ***\npaid {date}\nrcpt {number} served {customer}",
        "{date};{number};{customer};{net};{vat};{total}",
    ),
}


def _invoice(draw: Draw, layouts: tuple[str, ...] = _LAYOUTS) -> Row:
    currency = draw.choice(tuple(_SIGNS))
    style, sign = draw.randrange(3), _SIGNS[currency]
    shown = draw.choice(("{} " + currency, currency + " {}", sign + "{}", "{} " + sign))
    net = round(draw.lognormvariate(5.5, 1.4), 2)
    vat = round(net * 0.2, 2)
    total = round(net + vat, 2)
    issued = _day(draw)
    due = issued + dt.timedelta(days=draw.choice((7, 14, 30)))
    form = draw.choice(_DATES)
    customer = f"{words.name(draw)} {draw.choice(('Ltd', 'GmbH', 'Inc.', 'SA', '& Sons', 'Group'))}"
    if draw.happens(0.3):
        customer = f"{words.name(draw)} {words.name(draw)}"
    number = _invoice_number(draw)
    vat_id = None
    if draw.happens(0.6):
        vat_id = draw.choice(("DE", "FR", "GB", "ATU")) + words.digits(draw, 9)

    def amount(value: float) -> str:
        return shown.format(_amount(value, style))

    lines = "\n".join(
        f"{draw.randrange(1, 20)} x {words.word(draw)} {amount(round(net / draw.uniform(2, 9), 2))}"
        for _ in range(draw.randrange(1, 4))
    )
    text = draw.choice(layouts).format(
        number=number,
        seller=f"{words.name(draw)} {draw.choice(('Trading', 'Supplies', 'Works', 'Tools'))}",
        customer=customer,
        date=issued.strftime(form),
        due=due.strftime(form),
        order=f"PO {draw.randrange(10**4, 10**6)}",
        lines=lines,
        net=amount(net),
        vat=amount(vat),
        total=amount(total),
        vat_line=f"VAT ID {vat_id}" if vat_id else "",
    )
    return {"text": text}, {
        "number": number,
        "date": issued.isoformat(),
        "customer": customer,
        "currency": currency,
        "net": net,
        "total": total,
        "vat_id": vat_id,
    }


INVOICES = Task(
    "invoices",
    "an invoice's text in five layouts; number, date, customer, currency, amounts, VAT id",
    Text,
    Invoice,
    _invoice,
    elsewhere={
        **{
            kind: lambda draw, layouts=layouts: _invoice(draw, layouts)  # type: ignore[misc]
            for kind, layouts in _FOREIGN_LAYOUTS.items()
        },
        "log lines": lambda draw: (_line(draw)[0], NO_ANSWER),
        "junk": lambda draw: ({"text": words.junk(draw)}, NO_ANSWER),
    },
)


# Log lines


class Line(BaseModel):
    at: str
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    component: str
    message: str
    status: int | None


_LEVELS = ("DEBUG", "INFO", "INFO", "INFO", "WARNING", "ERROR")
_HAPPENED = (
    "connection to {name} lost", "user {name} logged in", "cache miss for {name}",
    "retry {count} of 5", "wrote {count} rows to {name}", "timeout after {count} ms",
    "file {name}.txt not found", "started worker {count}", "GET /{name}/{count}",
    "POST /{name}", "queue {name} has {count} messages", "certificate of {name} expires soon",
)  # fmt: skip
_LINES = (
    "{at:%Y-%m-%d %H:%M:%S} {level} [{component}] {message}",
    "{at:%Y-%m-%dT%H:%M:%S}Z {level} {component}: {message}",
    "[{at:%d/%b/%Y:%H:%M:%S} +0000] {component} {level} - {message}",
    "level={level} time={at:%Y-%m-%dT%H:%M:%S} logger={component} msg={message}",
)
_FOREIGN_LINES = {
    "by the second": ("{stamp} <{level}> {message} ({component})", "{stamp}|{component}|{message}"),
    "syslog": ("{at:%b %d %H:%M:%S} host {component}[{pid}]: {message}",),
    "JSON": ('{{"ts": {stamp}, "lvl": "{level}", "src": "{component}", "text": "{message}"}}',),
    "Windows": ("{at:%m/%d/%y %I:%M:%S %p}\t{level}\t{pid}\t{component}\t{message}",),
}


def _line(draw: Draw, formats: tuple[str, ...] = _LINES) -> Row:
    at = dt.datetime.combine(_day(draw), dt.time()) + dt.timedelta(seconds=draw.randrange(86400))
    level = draw.choice(_LEVELS)
    component = draw.new(lambda: f"{words.word(draw)}.{words.word(draw, 1)}")
    message = draw.new(
        lambda: draw.choice(_HAPPENED).format(name=words.word(draw), count=draw.randrange(2, 9999))
    )
    status = None
    if draw.happens(0.4):
        status = draw.choice((200, 201, 204, 301, 400, 403, 404, 409, 500, 502, 503))
    text = draw.choice(formats).format(
        at=at,
        stamp=int(at.timestamp()),
        level=level,
        component=component,
        message=message,
        pid=draw.randrange(100, 30000),
    )
    return {"text": text + (f" status={status}" if status else "")}, {
        "at": at.isoformat(),
        "level": level,
        "component": component,
        "message": message,
        "status": status,
    }


LOGS = Task(
    "logs",
    "a log line in four formats; time, level, component, message, status",
    Text,
    Line,
    _line,
    elsewhere={
        **{
            kind: lambda draw, formats=formats: _line(draw, formats)  # type: ignore[misc]
            for kind, formats in _FOREIGN_LINES.items()
        },
        "addresses": lambda draw: (_address(draw)[0], NO_ANSWER),
        "junk": lambda draw: ({"text": words.junk(draw)}, NO_ANSWER),
    },
)


# Addresses


class Address(BaseModel):
    name: str
    street: str
    number: str
    unit: str | None
    postcode: str
    city: str
    country: Literal["US", "DE", "GB", "FR"]


_ADDRESSES = {
    "US": (
        (
            "{name}\n{number} {street}{unit}\n{city}, {state} {postcode}",
            ("St", "Ave", "Rd", "Blvd"),
        ),
        ("{name}, {number} {street}{unit}, {city} {state} {postcode}, USA", ("Street", "Lane")),
    ),
    "DE": (
        ("{name}\n{street} {number}{unit}\n{postcode} {city}", ("strasse", "weg", "platz")),
        ("{name}, {street} {number}{unit}, D-{postcode} {city}", ("allee", "gasse")),
    ),
    "GB": (
        ("{name}\n{number} {street}{unit}\n{city}\n{postcode}", ("Road", "Close", "Gardens")),
        ("{name}, {number} {street}{unit}, {city} {postcode}, UK", ("Mews", "Hill", "Row")),
    ),
    "FR": (
        ("{name}\n{number}, {street}{unit}\n{postcode} {city}", ("rue", "avenue")),
        ("{name}, {number} {street}{unit}, {postcode} {city}, France", ("quai", "boulevard")),
    ),
}
_UNITS = {"US": "Apt {}", "DE": "Whg. {}", "GB": "Flat {}", "FR": "bât. {}"}
_STATES = "AL AZ CA CO FL GA IL MA MI NC NJ NV NY OH OR PA TX UT VA WA".split()  # noqa: SIM905 - codes


def _postcode(draw: Draw, country: str) -> str:
    if country != "GB":
        return words.digits(draw, 5)
    letters = "ABCDEHLNPRST"
    return draw.new(
        lambda: (
            f"{''.join(draw.choices(letters, k=2))}{draw.randrange(1, 30)} "
            f"{draw.randrange(1, 10)}{''.join(draw.choices(letters, k=2))}"
        )
    )


def _address(draw: Draw) -> Row:
    country = draw.choice(tuple(_ADDRESSES))
    pattern, kinds = draw.choice(_ADDRESSES[country])
    kind, root = draw.choice(kinds), words.name(draw)
    street = {"DE": f"{root}{kind}", "FR": f"{kind} {root}"}.get(country, f"{root} {kind}")
    number = str(draw.randrange(1, 400)) + (draw.choice("abc") if draw.happens(0.1) else "")
    unit = None
    if draw.happens(0.3):
        unit = _UNITS[country].format(draw.randrange(1, 60))
    made = {
        "name": f"{words.name(draw)} {words.name(draw)}",
        "street": street,
        "number": number,
        "unit": unit,
        "postcode": _postcode(draw, country),
        "city": words.name(draw) + (f" {words.name(draw, 1)}" if draw.happens(0.2) else ""),
    }
    shown = made | {"unit": f", {unit}" if unit else "", "state": draw.choice(_STATES)}
    return {"text": pattern.format(**shown)}, {**made, "country": country}


def _other_address(draw: Draw) -> Row:
    one, two, city = words.name(draw), words.name(draw), words.name(draw)
    number, code = draw.randrange(1, 90), draw.randrange(100, 10**6)
    text = draw.choice(
        (
            f"{one} {two}\nPostfach {code}\n{city}",
            f"〒{code} {city}-shi {one} {number}-{number} {two}",
            f"Via {one} {number}, {code} {city} (RM), Italia",
            f"{one} {two}, PO Box {code}, {city}, New Zealand",
            f"ul. {one} {number} m. 4, {code} {city}, Polska",
            f"c/o {one}, {two} building, 3rd floor, {city}",
        )
    )
    return {"text": text}, NO_ANSWER


ADDRESSES = Task(
    "addresses",
    "an address of four countries, two layouts each; its parts",
    Text,
    Address,
    _address,
    elsewhere={
        "other countries": _other_address,
        "log lines": lambda draw: (_line(draw)[0], NO_ANSWER),
        "junk": lambda draw: ({"text": words.junk(draw)}, NO_ANSWER),
    },
)
