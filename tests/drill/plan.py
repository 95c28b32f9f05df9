"""What a drill does, fixed by its seed before it begins: who writes what and when, and what is broken when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

QUESTIONS = {
    "como saco el pasaporte": ("passport", "Cómo sacar o renovar el pasaporte"),
    "como saco la cedula": ("id_card", "Cómo sacar o renovar la cédula"),
    "que necesito para el certificado de migrante retornado": ("return_certificate", "Certificado de migrante retornado"),
    "cuales son los riesgos de cruzar el darien": ("risk_darien", "La selva del Darién: los peligros"),
    "que es un coyotero": ("risk_smugglers", "Los coyotes: lo que debe saber"),
    "como apostillo un documento": ("apostille", "Apostillar un documento"),
    "quiero poner un negocio con mi retorno": ("return_business", "Poner un negocio al volver"),
    "como traigo mis cosas de la casa al volver menaje": ("return_household_goods", "Traer sus cosas, herramientas o auto"),
    "necesito apoyo psicologico": ("return_mental_health", "Triste o con miedo después del viaje"),
    "que hago si me deportan": ("risk_deportation", "Si me deportan, ¿qué pasa?"),
}
"""What people write, the topic that answers it, and words that stand in that answer and in no other one."""

GATEWAY, POSTGRES, WORKER_1, WORKER_2 = "gateway", "PostgreSQL", "worker-1", "worker-2"
BOTH_WORKERS, EVERYTHING, DISK_FULL, PAUSE = "both workers", "everything at once", "disk full", "worker stopped"


PROBES = 1000
"""The most messages that are written to see the system go on, one each `PROBE_SECONDS` until everything was broken."""
PROBE_SECONDS = 1.0


@dataclass(frozen=True)
class Letter:
    """One message that a person writes.

    Attributes:
        serial: its number in the drill, from which the provider's id is made.
        at: seconds from the beginning when it is written; it leaves when the one before it is acknowledged.
        copies: how often the provider delivers it: the delays, in seconds, of the repeats after the first delivery.
    """

    serial: int
    text: str
    at: float
    copies: tuple[float, ...]

    @property
    def topic(self) -> str:
        """The topic that answers it."""
        return QUESTIONS[self.text][0]

    @property
    def mark(self) -> str:
        """Words that only its answer has."""
        return QUESTIONS[self.text][1]


@dataclass(frozen=True)
class Fault:
    """One thing that is broken.

    Attributes:
        at: seconds from the beginning.
        down_seconds: how long what was killed stays away before its restart begins, or how long the disk is full.
    """

    at: float
    kind: str
    down_seconds: float


@dataclass(frozen=True)
class Plan:
    """A drill.

    Attributes:
        seconds: how long people write and things are broken.
        lease_seconds: how long a worker may be silent; None as in service.
        sending_seconds: how long a killed gateway's replies wait; None as in service.
        pause_seconds: how long a worker is stopped while it holds a message.
        faults: what is broken, in what number.
    """

    seed: int
    messages: int
    conversations: int
    seconds: float
    lease_seconds: float | None
    sending_seconds: float | None
    pause_seconds: float
    faults: Sequence[tuple[str, int]]

    @cached_property
    def letters(self) -> list[list[Letter]]:
        """The messages of each conversation, in order; none asks the same twice in any ten of them."""
        dice = random.Random(f"letters {self.seed}")
        counts = [
            self.messages // self.conversations + (n < self.messages % self.conversations) for n in range(self.conversations)
        ]
        serial, conversations = 0, []
        for count in counts:
            moments = sorted(dice.uniform(0, self.seconds) for _ in range(count))
            questions = dice.sample(list(QUESTIONS), len(QUESTIONS))
            letters = []
            for number, moment in enumerate(moments):
                copies = tuple(dice.choice((0.0, dice.uniform(0, 20))) for _ in range(dice.randint(0, 2)))
                letters.append(Letter(serial, questions[number % len(questions)], moment, copies))
                serial += 1
            conversations.append(letters)
        return conversations

    @cached_property
    def probes(self) -> list[list[Letter]]:
        """More conversations of one message, by which recovery is seen when nobody else happens to write."""
        dice = random.Random(f"probes {self.seed}")
        return [[Letter(self.messages + number, dice.choice(list(QUESTIONS)), 0.0, ())] for number in range(PROBES)]

    @cached_property
    def schedule(self) -> list[Fault]:
        """What is broken when: all kinds mixed, at random moments, not in the first and last tenth."""
        dice = random.Random(f"faults {self.seed}")
        kinds = [kind for kind, number in self.faults for _ in range(number)]
        dice.shuffle(kinds)
        moments = sorted(dice.uniform(0.1 * self.seconds, 0.9 * self.seconds) for _ in kinds)
        return [
            Fault(moment, kind, dice.uniform(0.15, 0.25) * min(self.seconds, 60) if kind == DISK_FULL else dice.uniform(0.2, 2.0))
            for moment, kind in zip(moments, kinds, strict=True)
        ]

    @property
    def kinds(self) -> set[str]:
        """What is broken at least once."""
        return {kind for kind, number in self.faults if number}


def long_plan(seed: int, messages: int, conversations: int) -> Plan:
    """Return the whole drill, with the leases as in service: about six minutes."""
    faults = (
        (GATEWAY, 4),
        (POSTGRES, 3),
        (WORKER_1, 2),
        (WORKER_2, 2),
        (BOTH_WORKERS, 1),
        (EVERYTHING, 1),
        (DISK_FULL, 1),
        (PAUSE, 1),
    )
    return Plan(seed, messages, conversations, 240.0, None, None, 70.0, faults)


def short_plan(seed: int, messages: int, conversations: int) -> Plan:
    """Return the drill for each change: about a minute, with shortened leases."""
    faults = ((GATEWAY, 1), (POSTGRES, 1), (WORKER_1, 1), (DISK_FULL, 1), (PAUSE, 1))
    return Plan(seed, messages, conversations, 25.0, 6.0, 10.0, 9.0, faults)
