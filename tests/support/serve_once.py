"""Run as a program in the code of some release: on the database of argv[1] it takes a message in, answers and sends.

It only uses what every release has. What it prints, one word a line, is what worked.
"""

from __future__ import annotations

import sys

from bot.messages import DeliveryState, DeliveryStatus, OutboundMessage, QuickReply
from bot.storage import revision
from bot.storage.session import Database
from tests.support.builders import System, make_inbound


def main(url: str) -> None:
    """Go one message's whole way."""
    system = System(Database(url))
    if hasattr(revision, "can_serve"):  # Releases before it only knew their own form.
        print("accepted" if revision.can_serve(system.database) else "refused")
    address, provider_id = "a-contact-of-that-release", f"serve-once-{revision.HEAD}"
    assert system.inbox.store([make_inbound("hola", address=address, provider_id=provider_id)]).stored == 1
    assert system.inbox.store([make_inbound("hola", address=address, provider_id=provider_id)]).repeated == 1
    print("received")
    turn = system.answer(OutboundMessage("elija", (QuickReply("Menú", "/menu"),)), state=b"state")
    assert turn.text == "hola"
    print("answered")
    (sending,) = system.outbox.take_due({"webchat"}, 10)
    system.outbox.part_sent(sending.outbound_id, "serve-once", is_last=True)
    system.inbox.store([DeliveryStatus("webchat", "serve-once", DeliveryState.DELIVERED)])
    print("sent")


if __name__ == "__main__":
    main(sys.argv[1])
