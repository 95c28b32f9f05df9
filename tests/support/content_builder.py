"""Build a tiny content folder without a fault, and break it in one place.

The folder has an urgent topic in four languages, two topics by destination in two, a system topic, a help point and facts
of every confidence. Nothing in it is real but the schema.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from bot.content.loader import read_answer_body, text_hash

REAL_CONTENT = Path(__file__).parents[2] / "content"

_TOPICS = """\
version: 1
destinations: [us, es]
families:
  emergency:
    - {id: emergency_danger, kind: answer, urgent: true, means: "I am in danger now."}
  pathways:
    - {id: visit_visa, kind: answer, by_destination: true, means: "A visa to visit."}
    - {id: work_visa, kind: answer, by_destination: true, means: "A visa to work."}
  conversation:
    - {id: greet, kind: system, means: "Hello."}
"""

_FACTS = """\
- id: LP-001
  topic: visas
  fact: A visitor visa cost USD 185 on 2 December 2024 and 3,091 people got one; it lasts ten days. Book at visas.example.org/en by 5 pm.
  fact_es: La visa de visita costaba 185 dólares el 2 de diciembre de 2024.
  source_title: Visas
  source_url: https://www.visas.example.org/costs
  publisher: Office
  page_date: '2024-12'
  confidence: high
  note: null
- id: LP-002
  topic: visas
  fact: Perhaps 40 people were refused in May 2025.
  fact_es: Tal vez negaron la visa a 40 personas en mayo de 2025.
  source_title: News
  source_url: https://news.example.com/refused
  publisher: News
  page_date: null
  confidence: low
  note: null
- id: LP-003
  topic: visas
  fact: The office is at Calle Loja Oe3-37 and answers on +593 2 299 3200, Monday to Friday, 08:30-17:00.
  fact_es: La oficina está en la calle Loja Oe3-37.
  source_title: Office
  source_url: https://www.visas.example.org/office
  publisher: Office
  page_date: null
  confidence: medium
  note: null
- id: LP-004
  topic: visas
  fact: Spain asks for the form EX-10.
  fact_es: España pide el formulario EX-10.
  source_title: Spain
  source_url: https://spain.example.org/forms
  publisher: Spain
  page_date: null
  confidence: medium
  note: null
"""

_NUMBERS = """\
- id: EN-001
  country: EC
  service: general
  name: ECU 911
  number: '911'
  hours: 24/7
  source_url: https://help.example.org/911
  page_date: null
  confidence: medium
  note: null
- id: EN-011
  country: EC
  service: child
  name: Child police
  number: +593 2 295 5734
  hours: null
  source_url: https://help.example.org/child
  page_date: null
  confidence: low
  note: Undated; confirm.
- id: EN-070
  country: EC
  service: child
  name: Old child line
  number: '1546'
  hours: null
  source_url: https://help.example.org/old
  page_date: null
  confidence: low
  note: null
- id: SP-001
  name: Casa Abierta
  kind: shelter
  city: Quito
  province: Pichincha
  country: Ecuador
  address: Av. Larga N33-42
  phone: +593 2 255 1000
  hours: null
  url: null
  source_url: https://house.example.org/
  page_date: null
  confidence: medium
  note: null
"""

_HELP_POINT = """\
fact: SP-001
name: "Casa Abierta"
kind: shelter
country: ec
city: "Quito"
address: "Av. Larga N33-42"
phone: "+593 2 255 1000"
note: {es: "En peligro, llame al 911.", en: "In danger, call 911."}
confidence: medium
checked_on: "2026-11-23"
source_url: "https://house.example.org/"
"""

_URGENT = """\
id: emergency_danger
owner: contenido
sensitivity: careful
reviewed_on: "2026-11-23"
review_by: "2027-02-21"
facts: [EN-001]
sources:
  - title: "ECU 911"
    publisher: "Help"
    url: "https://help.example.org/911"
    date: null
verify_at:
  name: "Help"
  url: "https://help.example.org"
emergency_services: [general]
related: [visit_visa]
help_points: [casa-abierta]
"""

_VISA = """\
id: {topic}
owner: contenido
sensitivity: critical
reviewed_on: "2026-11-23"
review_by: "2027-01-20"
facts: [LP-001, LP-003]
sources:
  - title: "Visas"
    publisher: "Office"
    url: "https://www.visas.example.org/costs"
    date: "2024-12"
verify_at:
  name: "Office"
  url: "https://visas.example.org"
related: [{related}]
destinations:
  us:
    facts: [LP-002]
    sources:
      - title: "News"
        publisher: "News"
        url: "https://news.example.com/refused"
        date: null
    verify_at:
      name: "Office"
      url: "https://visas.example.org"
    reviewed_on: "2026-11-23"
    review_by: "2027-01-20"
"""

_HEADS = {
    "es": ("La visa", "La visa"),
    "en": ("The visa", "The visa"),
    "us.es": ("La visa de Estados Unidos", "Visa EE. UU."),
    "us.en": ("The US visa", "US visa"),
}
_BODIES = {
    "es": """\
Para ir de visita pida la visa. El 2 de diciembre de 2024 costaba 185 dólares. Dura diez días.

## cost
- La dieron a 3.091 personas.

## steps
1. Pida la cita en visas.example.org/en.
2. Llame al +593 2 299 3200, de 08:30 a 17:00.
3. Vaya a la calle Loja Oe3-37.
""",
    "en": """\
To visit, ask for the visa. On December 2, 2024 it cost 185 dollars. It lasts 10 days.

## cost
- 3,091 people got it.

## steps
1. Book at visas.example.org/en.
2. Call +593 2 299 3200, from 8:30 am to 5 pm.
3. Go to Loja Street Oe3-37.
""",
    "us.es": "Pida la visa en el consulado. Según la prensa, la negaron a 40 personas en mayo de 2025.\n",
    "us.en": "Ask for the visa at the consulate. According to the press, 40 people were refused in May 2025.\n",
}
_URGENT_TEXTS = {
    "es": ("Peligro ahora", "Peligro", "Llame ya al 911. Diga dónde está."),
    "en": ("Danger now", "Danger", "Call 911 now. Say where you are."),
    "fr": ("Danger immédiat", "Danger", "Appelez le 911. Dites où vous êtes."),
    "pt": ("Perigo agora", "Perigo", "Ligue para o 911. Diga onde está."),
}


class ContentBuilder:
    """A good content folder, written to disk, with ways to spoil it.

    Args:
        folder: an empty or missing folder; paths in the methods are relative to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "facts").mkdir(parents=True)
        shutil.copy(REAL_CONTENT / "schema.json", folder / "schema.json")
        self.write("topics.yml", _TOPICS)
        self.write("facts/pathways.yml", _FACTS)
        self.write("facts/numbers.yml", _NUMBERS)
        self.write("help-points/casa-abierta.yml", _HELP_POINT)
        self.write("emergency/emergency_danger/topic.yml", _URGENT)
        for locale, (title, menu_title, text) in _URGENT_TEXTS.items():
            self.answer("emergency/emergency_danger", locale, title, menu_title, text + "\n")
        for topic, related in (("visit_visa", "work_visa"), ("work_visa", "visit_visa")):
            self.write(f"pathways/{topic}/topic.yml", _VISA.format(topic=topic, related=related))
            for name, (title, menu_title) in _HEADS.items():
                own_title = f"{menu_title}, {related[0].upper()}"
                self.answer(f"pathways/{topic}", name, title, own_title, _BODIES[name])

    def path(self, name: str) -> Path:
        """Return the path of a file of the folder."""
        return self.folder / name

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def answer(self, topic: str, name: str, title: str, menu_title: str, body: str) -> Path:
        """Write an answer file; any but the Spanish one is a translation of it, with the true hash."""
        head = f'title: "{title}"\nmenu_title: "{menu_title}"\n'
        *destination, locale = name.split(".")
        if locale != "es":
            source = self.path(f"{topic}/{'.'.join([*destination, 'es'])}.md")
            head += f'translation_of: es\nsource_hash: "{text_hash(read_answer_body(source))}"\n'
        return self.write(f"{topic}/{name}.md", f"---\n{head}---\n{body}")

    def edit(self, name: str, old: str, new: str, is_translated: bool = True) -> Path:
        """Replace a piece of text that must stand in the file.

        Args:
            is_translated: after a change of a Spanish text its translations are stamped as made from the new one.
        """
        path = self.path(name)
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        if is_translated and path.name.endswith("es.md"):
            self._stamp_translations(path)
        return path

    def delete(self, name: str) -> None:
        """Delete a file."""
        self.path(name).unlink()

    def line_of(self, name: str, text: str) -> int:
        """Return the line, counted from 1, on which a text first stands."""
        lines = self.path(name).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def _stamp_translations(self, source: Path) -> None:
        prefix = source.name[: -len("es.md")]
        for path in source.parent.glob(f"{prefix}??.md"):
            raw = path.read_text(encoding="utf-8")
            stamp = f'source_hash: "{text_hash(read_answer_body(source))}"'
            path.write_text(re.sub(r"^source_hash:.*$", stamp, raw, flags=re.MULTILINE), encoding="utf-8")
